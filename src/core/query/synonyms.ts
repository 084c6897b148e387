/** Words of people and of other tools for what a filter may name, with what each of them means here. */
type Synonyms = Readonly<Record<string, string>>;

export const DECISIONS: Synonyms = {
  allow: 'allow',
  allowed: 'allow',
  permitted: 'allow',
  stop: 'stop',
  deny: 'stop',
  denied: 'stop',
  blocked: 'stop',
  approval_required: 'approval_required',
  escalate: 'approval_required',
};

export const PHASES: Synonyms = {
  pre: 'pre_exec',
  pre_exec: 'pre_exec',
  post: 'post_exec',
  post_exec: 'post_exec',
  point: 'point',
};
