/** The description of the API (OpenAPI 3.1), made of the very schemas that check its requests. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { OTLP_PATHS } from '../otlp/described.ts';
import {
  ApprovalRefShape,
  DecisionAnswerShape,
  DecisionBatchAnswerShape,
  DecisionBatchShape,
  DecisionRequestShape,
  DecisionShape,
  ErrorShape,
  OutcomeAnswerShape,
  OutcomeBatchAnswerShape,
  OutcomeBatchShape,
  OutcomeRequestShape,
} from './shapes.ts';
import {
  EventAnswerShape,
  EventBatchAnswerShape,
  EventBatchShape,
  EventRequestShape,
} from './shapes-events.ts';
import {
  AnswerRequestShape,
  AnswerShape,
  ApprovalListShape,
  ApprovalShape,
  KillAnswerShape,
  KillListShape,
  KillRequestShape,
} from './shapes-operator.ts';

interface Operation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly request?: z.ZodType;
  readonly answer: z.ZodType;
  /** Beside 200. */
  readonly also: readonly (keyof typeof ALSO)[];
  readonly parameters?: readonly object[];
  readonly security?: readonly object[];
}

const ALSO = {
  400: 'The request is malformed. One that named an action is recorded.',
  401: 'The token is not good, or there is none. Recorded, where a token was presented.',
  403: 'From a web page, or not for this caller.',
  404: 'There is no such decision, approval or resource.',
  409: 'It was answered, or closed, before.',
  410: 'It has expired.',
  413: 'The body is larger than it may be.',
  415: 'The body is no JSON.',
  429: 'The bounds of this API itself are reached. What the policy limits is a 200 with a decision.',
  503: 'It could not be recorded, so nothing was decided (audit_unavailable). Never a permission.',
} as const;

const COMMON = [400, 401, 403, 413, 415, 429, 503] as const;
const READING = [401, 403, 429, 503] as const;
/** Nobody is taken for the operator without a token. */
const PROVED = [{ bearer: [] }];
const ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };

const OPERATIONS: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/decisions',
    id: 'decide',
    summary: 'May this be done? Act only when the answer says "proceed": true.',
    request: DecisionRequestShape,
    answer: DecisionAnswerShape,
    also: COMMON,
  },
  {
    method: 'post',
    path: '/v1/decisions/batch',
    id: 'decideBatch',
    summary: 'Several at once, each with its own result, in order.',
    request: DecisionBatchShape,
    answer: DecisionBatchAnswerShape,
    also: COMMON,
  },
  {
    method: 'post',
    path: '/v1/outcomes',
    id: 'reportOutcome',
    summary: 'How an action ended that was decided here. Closes its pair, once.',
    request: OutcomeRequestShape,
    answer: OutcomeAnswerShape,
    also: [...COMMON, 404, 409],
  },
  {
    method: 'post',
    path: '/v1/outcomes/batch',
    id: 'reportOutcomes',
    summary: 'Several at once, each with its own result, in order.',
    request: OutcomeBatchShape,
    answer: OutcomeBatchAnswerShape,
    also: COMMON,
  },
  {
    method: 'post',
    path: '/v1/events',
    id: 'recordEvents',
    summary:
      'What a program says happened, in its order, each with its own result. Sent again, an event with an id is recorded once.',
    request: EventBatchShape,
    answer: EventBatchAnswerShape,
    also: COMMON,
  },
  {
    method: 'get',
    path: '/v1/approvals',
    id: 'listApprovals',
    summary: 'Those that wait; an agent sees what it asked for itself.',
    answer: ApprovalListShape,
    also: READING,
    parameters: [
      { name: 'all', in: 'query', schema: { type: 'boolean' }, description: 'also those that are settled' },
    ],
  },
  {
    method: 'get',
    path: '/v1/approvals/:id',
    id: 'showApproval',
    summary: 'One of them, with its arguments as far as they may be shown.',
    answer: ApprovalShape,
    also: [...READING, 400, 404],
    parameters: [
      ID,
      {
        name: 'wait_ms',
        in: 'query',
        schema: { type: 'integer', minimum: 0, maximum: LIMITS.apiWaitMs },
        description: 'answer when it is settled, or after this long',
      },
    ],
  },
  {
    method: 'post',
    path: '/v1/approvals/:id',
    id: 'answerApproval',
    summary: 'Grants or denies it. For people: never whoever asked, never an agent.',
    request: AnswerRequestShape,
    answer: AnswerShape,
    also: [...COMMON, 404, 409, 410],
    parameters: [ID],
    security: PROVED,
  },
  {
    method: 'get',
    path: '/v1/kill',
    id: 'listKills',
    summary: 'What is switched off.',
    answer: KillListShape,
    also: READING,
  },
  {
    method: 'post',
    path: '/v1/kill',
    id: 'setKill',
    summary: 'Switches something off, or on again. Effective on the next call.',
    request: KillRequestShape,
    answer: KillAnswerShape,
    also: COMMON,
    security: PROVED,
  },
];

export function openApi(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  // Those that others are made of have names of their own.
  const shapes = new Set<z.ZodType>([
    ErrorShape,
    DecisionShape,
    ApprovalRefShape,
    EventRequestShape,
    EventAnswerShape,
  ]);
  for (const { method, path, id, summary, request, answer, also, parameters, security } of OPERATIONS) {
    for (const shape of [request, answer]) if (shape !== undefined) shapes.add(shape);
    const operation = {
      operationId: id,
      summary,
      ...(parameters === undefined ? {} : { parameters }),
      ...(security === undefined ? {} : { security }),
      ...(request === undefined ? {} : { requestBody: { required: true, content: json(request) } }),
      responses: {
        200: { description: 'Answered.', content: json(answer) },
        ...Object.fromEntries(
          [...also]
            .sort((a, b) => a - b)
            .map((status) => [status, { $ref: `#/components/responses/${status}` }]),
        ),
      },
    };
    paths[path.replaceAll(/:(\w+)/g, '{$1}')] = {
      ...paths[path.replaceAll(/:(\w+)/g, '{$1}')],
      [method]: operation,
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tallystick decisions',
      version,
      description:
        'Decides what an agent may do, records it, and closes the pair with its outcome. On 127.0.0.1 only; without a token only processes of the recorder’s own user are answered. spec/api.md is the text beside this.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'http://127.0.0.1:7700', description: '`tally up`; TALLY_UI_PORT is the port' }],
    security: [{ bearer: [] }, {}],
    paths: { ...paths, ...OTLP_PATHS },
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'agt_… of an agent, run_… of a run; opr_… for what is the operator’s.',
        },
      },
      responses: Object.fromEntries(
        Object.entries(ALSO).map(([status, description]) => [
          status,
          { description, content: json(ErrorShape) },
        ]),
      ),
      schemas: schemasOf([...shapes]),
    },
  };
}

function nameOf(shape: z.ZodType): string {
  const id = z.globalRegistry.get(shape)?.id;
  if (id === undefined) throw new Error('a shape of the API has no name');
  return id;
}

function json(shape: z.ZodType): object {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${nameOf(shape)}` } } };
}

/** Every named shape once; those that others use are referred to. */
function schemasOf(shapes: readonly z.ZodType[]): object {
  const registry = z.registry<{ id: string }>();
  for (const shape of shapes) registry.add(shape, { id: nameOf(shape) });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}`, io: 'input' });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $id: _id, $schema: _schema, ...schema }]) => [id, schema]),
  );
}
