/**
 * The callbacks of a tree of steps. LangChain awaits each before it goes on, and an error of one ends the step: so a run
 * does not begin that is not on record, and a tool does not run that was stopped.
 */
// reason for length: every callback that is heard, in the order in which a run brings them
import { GUARDED, shared } from '../../sdk/context.ts';
import type { Acting, Action, Ended, RunOptions, Tally } from '../../sdk/types.ts';
import { cutOff, hold } from '../held.ts';
import { answerIn, lastOf, modelCallOf, plain } from './models.ts';
import { enter, leave, type Node, nodeOf, whileOpen } from './tree.ts';
import { isObject, objectIn, parsed, textIn, type Words } from './types.ts';

export interface HandlerOptions {
  /** Absent: the process's own. */
  readonly tally: Tally;
  /** Whose run it is. Absent: the agent's name where it has one, else the one of `createTally`. */
  readonly agent: string | undefined;
  readonly workflow: string | undefined;
  /** False: tools are watched, not held. */
  readonly enforce: boolean;
  readonly tier: Action['tier'];
}

/** Of what a model says in pieces, as much is kept as a payload holds. */
const MOST_SAID = 16_384;

export class TallyHandler {
  readonly name = 'tallystick';
  /** LangChain waits for it, */
  readonly awaitHandlers = true;
  /** and does not go on when it throws. */
  readonly raiseError = true;
  readonly ignoreLLM = false;
  readonly ignoreChain = false;
  readonly ignoreAgent = false;
  readonly ignoreRetriever = false;
  readonly ignoreCustomEvent = true;
  readonly #options: HandlerOptions;

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  /** LangChain copies handlers; there is nothing in this one that two could not share. */
  copy(): TallyHandler {
    return this;
  }

  #node(id: string): Node | undefined {
    return nodeOf(this.#options.tally, id);
  }

  #enter(
    id: string,
    above: string | undefined,
    name: string | undefined,
    metadata: unknown,
  ): Promise<Node | undefined> {
    const { tally, agent, workflow } = this.#options;
    return enter(tally, id, above, (): RunOptions => {
      const own = agent ?? textIn(metadata, 'lc_agent_name');
      const session = textIn(metadata, 'thread_id');
      return {
        workflow: workflow ?? name ?? 'LangChain',
        metadata: { framework: 'langchain', langchain_run_id: id },
        ...(own === undefined ? {} : { agent: own }),
        ...(session === undefined ? {} : { session }),
      };
    });
  }

  async handleChainStart(
    chain: unknown,
    _inputs: unknown,
    id: string,
    above?: string,
    _tags?: unknown,
    metadata?: unknown,
    _type?: unknown,
    name?: string,
  ): Promise<void> {
    await this.#enter(id, above, name ?? lastOf(chain), metadata);
  }

  async handleChainEnd(_outputs: unknown, id: string): Promise<void> {
    await this.#chainEnd(id);
  }

  async handleChainError(error: unknown, id: string): Promise<void> {
    await this.#chainEnd(id, errorOf(error));
  }

  async #chainEnd(id: string, error?: unknown): Promise<void> {
    const node = this.#node(id);
    if (node !== undefined && node.held === undefined && node.call === undefined) await leave(node, error);
  }

  async handleChatModelStart(
    llm: unknown,
    groups: readonly (readonly unknown[])[],
    id: string,
    above?: string,
    extra?: unknown,
    _tags?: unknown,
    metadata?: unknown,
    name?: string,
  ): Promise<void> {
    const node = await this.#enter(id, above, name ?? lastOf(llm), metadata);
    if (node === undefined) return;
    const messages = (groups[0] ?? []).map(plain);
    node.root.conversation.heard(node.root.run, messages, node.entry);
    this.#modelCall(node, llm, messages, extra, metadata);
  }

  async handleLLMStart(
    llm: unknown,
    prompts: readonly string[],
    id: string,
    above?: string,
    extra?: unknown,
    _tags?: unknown,
    metadata?: unknown,
    name?: string,
  ): Promise<void> {
    const node = await this.#enter(id, above, name ?? lastOf(llm), metadata);
    if (node === undefined) return;
    this.#modelCall(node, llm, prompts.length === 1 ? prompts[0] : prompts, extra, metadata);
  }

  #modelCall(node: Node, llm: unknown, input: unknown, extra: unknown, metadata: unknown): void {
    node.call = node.root.run.modelCall({
      ...modelCallOf(llm, input, extra, metadata),
      ...within(node, metadata),
    });
    node.entry = node.call.id;
  }

  handleLLMNewToken(token: string, _place: unknown, id: string): void {
    const node = this.#node(id);
    if (node === undefined || token === '') return;
    node.said ??= [];
    const kept = node.said.reduce((sum, { length }) => sum + length, 0);
    // One text of many pieces: counting it again and again must not cost more than the pieces themselves.
    if (node.said.length > 64) node.said = [node.said.join('')];
    if (kept < MOST_SAID) node.said.push(token);
  }

  async handleLLMEnd(result: unknown, id: string): Promise<void> {
    const node = this.#node(id);
    if (node?.call === undefined) return;
    node.root.run.modelResponse(node.call, answerIn(result));
    await leave(node);
  }

  async handleLLMError(error: unknown, id: string): Promise<void> {
    const node = this.#node(id);
    if (node?.call === undefined) return;
    const { said } = node;
    node.root.run.modelResponse(node.call, {
      error: errorOf(error),
      // What of it was streamed until then.
      ...(said === undefined ? {} : { output: said.join(''), metadata: { streamed: 'in part' } }),
    });
    await leave(node, errorOf(error));
  }

  async handleToolStart(
    tool: unknown,
    input: string,
    id: string,
    above?: string,
    _tags?: unknown,
    metadata?: unknown,
    given?: string,
    callId?: string,
  ): Promise<void> {
    const name = given ?? textIn(objectIn(tool, 'kwargs'), 'name') ?? lastOf(tool) ?? 'unnamed';
    const node = await this.#enter(id, above, name, metadata);
    if (node === undefined) return;
    if (isObject(tool) && Reflect.get(tool, GUARDED) === true) {
      node.guarded = true;
      return;
    }
    const { enforce, tier } = this.#options;
    const args = parsed(input);
    const { metadata: where } = within(node, metadata);
    const about = { ...where, ...(callId === undefined ? {} : { tool_call_id: callId }) };
    if (!enforce) {
      node.call = node.root.run.toolCall({ name, args, ...within(node, metadata), metadata: about });
      node.entry = node.call.id;
      return;
    }
    try {
      const action = { name, args, metadata: about, ...(tier === undefined ? {} : { tier }) };
      await whileOpen(node.root, this.#hold(node, action));
    } catch (error) {
      // LangChain tells nothing more of a tool that did not begin.
      await leave(node, error);
      throw error;
    }
  }

  async #hold(node: Node, action: Action): Promise<void> {
    node.held = await inPlace(node, () => hold<Acting>((during) => node.root.run.act(action, during)));
    node.entry = node.held.given.id;
    if (this.#node(node.id) === node) return;
    // What it is in ended while it was decided: nobody would be told how it ends.
    const over = cutOff('not_told', 'what it was to run in was over before it was decided');
    await node.held.fail(over);
    throw over;
  }

  async handleToolEnd(output: unknown, id: string): Promise<void> {
    await this.#toolEnd(id, { output: outputOf(output) });
  }

  async handleToolError(error: unknown, id: string): Promise<void> {
    await this.#toolEnd(id, { error: errorOf(error) });
  }

  async #toolEnd(id: string, { output, error }: Ended): Promise<void> {
    const node = this.#node(id);
    if (node === undefined) return;
    const { held, call, root } = node;
    await (error === undefined ? held?.end(output) : held?.fail(error));
    if (call !== undefined) root.run.toolResult(call, error === undefined ? { output } : { error });
    await leave(node, error);
  }

  async handleRetrieverStart(
    retriever: unknown,
    query: string,
    id: string,
    above?: string,
    _tags?: unknown,
    metadata?: unknown,
    name?: string,
  ): Promise<void> {
    const source = name ?? lastOf(retriever) ?? 'retriever';
    const node = await this.#enter(id, above, source, metadata);
    if (node === undefined) return;
    node.call = node.root.run.retrievalQuery({ source, query, ...within(node, metadata) });
    node.entry = node.call.id;
  }

  async handleRetrieverEnd(documents: unknown, id: string): Promise<void> {
    const node = this.#node(id);
    if (node?.call === undefined) return;
    node.root.run.retrievalResult(node.call, { output: documents });
    await leave(node);
  }

  async handleRetrieverError(error: unknown, id: string): Promise<void> {
    const node = this.#node(id);
    if (node?.call === undefined) return;
    node.root.run.retrievalResult(node.call, { error: errorOf(error) });
    await leave(node, errorOf(error));
  }

  handleAgentAction(action: unknown, id: string): void {
    const node = this.#node(id);
    const why = textIn(action, 'log');
    node?.root.run.decision({
      what: 'tool',
      chosen: isObject(action) ? { tool: action.tool, input: action.toolInput } : action,
      ...(why === undefined ? {} : { why }),
      ...(node.entry === undefined ? {} : { parent: node.entry }),
    });
  }
}

/** The entry and the node of the graph that it happens in. */
function within(node: Node, metadata: unknown): { readonly parent?: string; readonly metadata?: Words } {
  const step = textIn(metadata, 'langgraph_node');
  const { entry } = node;
  return {
    ...(entry === undefined ? {} : { parent: entry }),
    ...(step === undefined ? {} : { metadata: { langgraph_node: step } }),
  };
}

/** As code of the run, and of the action that it happens in. */
export function inPlace<T>(node: Node, fn: () => T): T {
  const { at } = node.root;
  if (at === undefined) return fn();
  return shared.storage.run(node.entry === undefined ? at : { ...at, parentId: node.entry }, fn);
}

/**
 * What a graph throws to wait for a person is no failure: the step is given up, and made again later. An abort has a name
 * of its own here, and none where it was given a reason that is no error.
 */
export function errorOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error ?? new Error('an error without a word');
  const { name, message } = error;
  if (name === 'GraphInterrupt')
    return cutOff(name, 'the graph waits for a person; the step is made again when it goes on');
  return name === 'ModelAbortError' || (name === 'Error' && /^Abort(ed|Error)?$/.test(message))
    ? cutOff(name === 'Error' ? 'aborted' : name, message)
    : error;
}

/** A message is what it says; anything else is itself. */
export function outputOf(output: unknown): unknown {
  return isObject(output) && 'content' in output && typeof output.getType === 'function'
    ? output.content
    : output;
}
