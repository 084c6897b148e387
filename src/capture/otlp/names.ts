/**
 * Names of attributes that mean something here: the GenAI semantic conventions of OpenTelemetry, older names of theirs
 * that senders still use, and those of OpenInference and OpenLLMetry where they say the same. spec/otlp.md has the tables.
 */
import type { Attributes } from './model.ts';

export type Does = 'agent' | 'model' | 'tool' | 'retrieval' | 'other';

const OPERATIONS: ReadonlyMap<string, Does> = new Map([
  ['chat', 'model'],
  ['text_completion', 'model'],
  ['generate_content', 'model'],
  ['embeddings', 'model'],
  ['execute_tool', 'tool'],
  ['invoke_agent', 'agent'],
  ['invoke_workflow', 'agent'],
  ['retrieval', 'retrieval'],
  ['search_memory', 'retrieval'],
]);
const OPENINFERENCE: ReadonlyMap<string, Does> = new Map([
  ['LLM', 'model'],
  ['EMBEDDING', 'model'],
  ['TOOL', 'tool'],
  ['AGENT', 'agent'],
  ['RETRIEVER', 'retrieval'],
  ['RERANKER', 'retrieval'],
]);
const OPENLLMETRY: ReadonlyMap<string, Does> = new Map([
  ['tool', 'tool'],
  ['agent', 'agent'],
  ['workflow', 'agent'],
]);

export const OPERATION = 'gen_ai.operation.name';

// biome-ignore format: a line an idea, the present name first
export const NAMES = {
  provider: ['gen_ai.provider.name', 'gen_ai.system', 'llm.provider', 'llm.system', 'ai.model.provider'],
  model: ['gen_ai.request.model', 'llm.model_name', 'embedding.model_name', 'reranker.model_name', 'ai.model.id', 'gen_ai.response.model'],
  responseModel: ['gen_ai.response.model'],
  responseId: ['gen_ai.response.id'],
  finishReasons: ['gen_ai.response.finish_reasons'],
  inputTokens: ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt', 'llm.usage.prompt_tokens'],
  outputTokens: ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion', 'llm.usage.completion_tokens'],
  cost: ['llm.cost.total'],
  tool: ['gen_ai.tool.name', 'tool.name', 'ai.toolCall.name'],
  toolCallId: ['gen_ai.tool.call.id', 'tool_call.id', 'tool.id', 'ai.toolCall.id'],
  toolArguments: ['gen_ai.tool.call.arguments', 'tool_call.function.arguments', 'tool.parameters', 'ai.toolCall.args', 'traceloop.entity.input', 'input.value'],
  query: ['gen_ai.retrieval.query.text', 'reranker.query', 'traceloop.entity.input', 'input.value'],
  source: ['gen_ai.data_source.id'],
  agent: ['gen_ai.agent.name', 'agent.name', 'gen_ai.agent.id'],
  agentId: ['gen_ai.agent.id'],
  agentVersion: ['gen_ai.agent.version'],
  workflow: ['gen_ai.workflow.name', 'traceloop.workflow.name'],
  session: ['gen_ai.conversation.id', 'session.id'],
  entity: ['traceloop.entity.name'],
  host: ['server.address'],
  port: ['server.port'],
  error: ['error.type', 'exception.type'],
  errorText: ['exception.message'],
  service: ['service.name'],
  serviceVersion: ['service.version'],
  serviceInstance: ['service.instance.id'],
  environment: ['deployment.environment.name', 'deployment.environment'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

function textOf(attributes: Attributes, name: string): string | undefined {
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** What a span is about, by what it says; `other` for what has nothing to do with agents, or is none of these. */
export function doesOf(attributes: Attributes): Does {
  const operation = textOf(attributes, OPERATION);
  if (operation !== undefined) return OPERATIONS.get(operation) ?? 'other';
  const kind = textOf(attributes, 'openinference.span.kind');
  if (kind !== undefined) return OPENINFERENCE.get(kind.toUpperCase()) ?? 'other';
  const entity = OPENLLMETRY.get(textOf(attributes, 'traceloop.span.kind') ?? '');
  if (entity !== undefined) return entity;
  if (textOf(attributes, 'ai.toolCall.name') !== undefined) return 'tool';
  // What called a model before there were names of operations.
  const model = textOf(attributes, 'gen_ai.request.model');
  const provider = textOf(attributes, 'gen_ai.provider.name') ?? textOf(attributes, 'gen_ai.system');
  return model !== undefined && provider !== undefined ? 'model' : 'other';
}

/** What goes in: prompts, arguments, queries. */
const IN =
  /^(?:gen_ai\.(?:input\.messages|system_instructions|tool\.definitions|tool\.call\.arguments|retrieval\.query\.text|request\.messages)|gen_ai\.prompt(?:\.\d+\..*)?$|llm\.(?:input_messages|prompts|tools|prompt_template|function_call)|input\.value|tool\.(?:parameters|json_schema)|tool_call\.function\.arguments|reranker\.(?:query|input_documents)|embedding\.text|ai\.(?:prompt|toolCall\.args|toolCall\.input|value)|traceloop\.entity\.input|tool_arguments|mlflow\.spanInputs|langfuse\.observation\.input)/;
/** What comes out, and what is no label: answers, documents, bodies, headers, statements. */
const OUT =
  /^(?:gen_ai\.(?:output\.messages|tool\.call\.result|retrieval\.documents|evaluation\.explanation|event\.content)|gen_ai\.completion(?:\.\d+\..*)?$|llm\.(?:output_messages|completions)|output\.value|retrieval\.documents|reranker\.output_documents|embedding\.(?:embeddings|vector)|ai\.(?:response\.(?:text|object|toolCalls|reasoning|files)|toolCall\.(?:result|output)|embeddings?)|traceloop\.entity\.output|tool_response|final_result|all_messages|mlflow\.spanOutputs|langfuse\.observation\.output|pydantic_ai\.all_messages|http\.(?:request|response)\.(?:header|body)|rpc\..*\.metadata\.|messaging\.message\.body|db\.(?:statement|query|operation\.parameter)|url\.query|exception\.(?:message|stacktrace))/;

/** Whether an attribute is content, and of which half. Contents never stand in an entry. */
export function contentOf(name: string): 'in' | 'out' | undefined {
  return IN.test(name) ? 'in' : OUT.test(name) ? 'out' : undefined;
}

/** Events of a span that hold what went in; others hold what came out. */
export function isInput(event: string): boolean {
  return /^gen_ai\.(?:system|user|assistant|tool)\.message$|^gen_ai\.content\.prompt$/.test(event);
}

/** URLs: values of queries are in no entry, nor is who logs in. */
export const URLS: ReadonlySet<string> = new Set([
  'url.full',
  'http.url',
  'http.target',
  'url.path',
  'url.original',
]);
