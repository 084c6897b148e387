/** What the example uses of the package, which is not installed with Tallystick: npm install @anthropic-ai/claude-agent-sdk */
declare module '@anthropic-ai/claude-agent-sdk' {
  interface Options {
    readonly model?: string;
    readonly systemPrompt?: string;
    readonly tools?: readonly string[];
    readonly allowedTools?: readonly string[];
    readonly mcpServers?: Readonly<Record<string, unknown>>;
    readonly settingSources?: readonly string[];
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly hooks?: object;
    readonly canUseTool?: unknown;
    readonly agents?: object;
    readonly persistSession?: boolean;
    readonly stderr?: (text: string) => void;
  }
  interface Message {
    readonly type: string;
    readonly result?: string;
  }
  export function query(asked: {
    readonly prompt: string | AsyncIterable<unknown>;
    readonly options?: Options;
  }): AsyncIterable<Message>;
  export function tool(
    name: string,
    description: string,
    schema: object,
    handler: (args: never) => Promise<object>,
  ): object;
  export function createSdkMcpServer(server: {
    readonly name: string;
    readonly tools: readonly object[];
  }): unknown;
}
