/** The page: gets bytes from the person who uses it, hands them to the verifier, and shows what it answers. */
import {
  exitCodeOf,
  exitCodeOfProof,
  isProofFile,
  isTallyError,
  publishedLog,
  verifyLog,
  verifyProof,
} from 'tallystick/verify';

const byId = (id) => document.getElementById(id);
const result = byId('result');
const MARKS = { pass: '✓', fail: '✗', incomplete: '!', neutral: '–' };
const NAMED = 8;

/** Counts the verifications: an answer that comes after a newer question is not shown. */
let asked = 0;

async function verify(question) {
  const mine = ++asked;
  show({ state: 'busy', summary: 'Verifying …', verdicts: [] });
  try {
    const answer = await question((entries, size) => mine === asked && showProgress(entries, size));
    if (mine === asked) show(answer);
  } catch (error) {
    // What was not found out is no verdict.
    const why = isTallyError(error) || error instanceof TypeError ? error.message : String(error);
    if (mine === asked) show({ state: 'incomplete', summary: `Could not find out: ${why}`, verdicts: [] });
  }
}

function keys() {
  const key = byId('key').value.trim();
  return key === '' ? {} : { pinned: [key] };
}

const STATES = { 0: 'pass', 2: 'incomplete', 6: 'fail' };

async function aboutProof(bytes) {
  const { report, entry } = verifyProof(bytes, keys());
  const code = exitCodeOfProof(report);
  const place = `entry ${report.index ?? '?'} of ${report.origin ?? 'an unknown log'}`;
  const summaries = {
    0: `This is ${place}, as the log signed it`,
    2: `Not confirmed: ${place}`,
    6: `This is not what the log signed: ${place}`,
  };
  return {
    state: STATES[code],
    summary: summaries[code],
    verdicts: [
      ['integrity', report.integrity.status, report.integrity.note ?? 'the entry is the one at its place'],
      [
        'signatures',
        report.signatures.status,
        report.signatures.note ?? `by ${report.signatures.signed_by.join(', ')}`,
      ],
      ['anchored', report.anchored.status, report.anchored.note],
    ],
    // Only what was confirmed is shown.
    entry:
      entry === undefined ? undefined : JSON.stringify(JSON.parse(new TextDecoder().decode(entry)), null, 2),
  };
}

async function aboutLog(source, onProgress) {
  const log = await publishedLog(source);
  if (log === undefined) throw new TypeError('there is no checkpoint');
  const report = await verifyLog(log, { ...keys(), onProgress: (entries) => onProgress(entries, log.size) });
  const code = exitCodeOf(report);
  const signed = (report.size ?? 0).toLocaleString();
  const summaries = {
    0: `All ${signed} entries of ${report.origin} are the ones that were signed`,
    2: `Not confirmed: ${signed} entries of ${report.origin}`,
    6: `This is not the log that was signed${firstBad(report)}`,
  };
  return {
    state: STATES[code],
    summary: summaries[code],
    verdicts: [
      ['integrity', report.integrity.status, integrityText(report)],
      ['chain', report.chain.status, chainText(report.chain)],
      ['append-only', report.append_only.status, report.append_only.note ?? ''],
      [
        'signatures',
        report.signatures.status,
        report.signatures.note ?? `by ${report.signatures.signed_by.join(', ')}`,
      ],
      ['anchored', report.anchored.status, report.anchored.note],
    ],
  };
}

function chainText({ status, breaks, break_count: count }) {
  if (status === 'fail') return `broken before ${list(breaks, count)}`;
  return status === 'pass' ? 'every entry that is there names the hash of the one before it' : '';
}

function firstBad({ integrity }) {
  return integrity.first_bad === undefined ? '' : `: the first bad entry is ${integrity.first_bad}`;
}

function integrityText({ integrity, size }) {
  const parts = [];
  if (integrity.bad_count > 0)
    parts.push(
      `altered: ${list(
        integrity.bad.map(({ index }) => index),
        integrity.bad_count,
      )}`,
    );
  if (integrity.missing_count > 0)
    parts.push(
      `missing: ${list(
        integrity.missing.map(({ from, to }) => (to - from === 1 ? from : `${from}–${to - 1}`)),
        integrity.missing.length,
      )}`,
    );
  if (integrity.extra_count > 0)
    parts.push(
      `not part of the log: before ${list(
        integrity.extra.map(({ before }) => before),
        integrity.extra_count,
      )}`,
    );
  if (integrity.note !== undefined) parts.push(integrity.note);
  if (parts.length > 0) return parts.join('; ');
  return integrity.status === 'pass'
    ? `all ${(size ?? 0).toLocaleString()} entries lead to the signed root`
    : '';
}

function list(items, count) {
  return items.slice(0, NAMED).join(', ') + (count > NAMED ? ` … (${count.toLocaleString()} in all)` : '');
}

/** Characters that are not seen, or that turn around what is beside them: shown as what they are. */
function visible(text) {
  return text.replace(
    /[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu,
    (hidden) => `\\u{${hidden.codePointAt(0).toString(16)}}`,
  );
}

/** Text only: what a hostile log says is never taken for markup. */
function show({ state, summary, verdicts, entry }) {
  result.hidden = false;
  result.dataset.state = state;
  byId('summary').textContent = visible(summary);
  byId('progress').hidden = state !== 'busy';
  byId('progress').removeAttribute('value');
  byId('verdicts').replaceChildren(...verdicts.map(verdictItem));
  byId('entry').hidden = entry === undefined;
  byId('entry').textContent = visible(entry ?? '');
}

function verdictItem([name, status, text]) {
  const item = document.createElement('li');
  item.className = status;
  item.dataset.verdict = name;
  for (const [kind, content] of [
    ['mark', MARKS[status]],
    ['name', name],
    ['text', text],
  ]) {
    const part = document.createElement('span');
    part.className = kind;
    part.textContent = visible(content);
    if (kind === 'mark') part.setAttribute('aria-label', status);
    item.append(part);
  }
  return item;
}

function showProgress(entries, size) {
  byId('progress').max = Math.max(1, size);
  byId('progress').value = Math.min(entries, size);
}

/** Over HTTP. A file that is not there is an answer, anything else that goes wrong is not. */
function remote(prefix) {
  const base = prefix.replace(/\/+$/, '');
  return {
    async get(path) {
      const response = await fetch(`${base}/${path}`, { redirect: 'error', referrerPolicy: 'no-referrer' });
      if (response.status === 404) return undefined;
      if (!response.ok) throw new TypeError(`${path}: ${response.status} ${response.statusText}`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

/** A folder that was chosen: the shortest path to a file called checkpoint is the log's. */
function local(files) {
  const paths = new Map([...files].map((file) => [file.webkitRelativePath || file.name, file]));
  const [first = 'checkpoint'] = [...paths.keys()]
    .filter((path) => /(^|\/)checkpoint$/.test(path))
    .sort((a, b) => a.length - b.length);
  const prefix = first.slice(0, -'checkpoint'.length);
  return {
    async get(path) {
      const file = paths.get(prefix + path);
      return file === undefined ? undefined : new Uint8Array(await file.arrayBuffer());
    },
    list: async (start) =>
      [...paths.keys()]
        .filter((path) => path.startsWith(prefix + start))
        .map((path) => path.slice(prefix.length)),
  };
}

async function about(files, onProgress) {
  const [first] = files;
  if (first === undefined) throw new TypeError('no file was given');
  const bytes = files.length === 1 ? new Uint8Array(await first.arrayBuffer()) : undefined;
  if (bytes !== undefined && isProofFile(bytes)) return aboutProof(bytes);
  if (bytes !== undefined && first.name !== 'checkpoint')
    throw new TypeError(`${first.name} is no proof file`);
  return aboutLog(local(files), onProgress);
}

for (const id of ['file', 'folder']) {
  byId(id).addEventListener('change', ({ target }) => {
    const files = [...target.files];
    // The same file may be chosen again, with another key.
    target.value = '';
    if (files.length > 0) verify((onProgress) => about(files, onProgress));
  });
}

const drop = byId('drop');
drop.addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
drop.addEventListener('dragleave', () => drop.classList.remove('over'));
drop.addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  const files = [...event.dataTransfer.files];
  verify((onProgress) => about(files, onProgress));
});

byId('remote').addEventListener('submit', (event) => {
  event.preventDefault();
  verify((onProgress) => aboutLog(remote(byId('url').value.trim()), onProgress));
});

document.documentElement.dataset.ready = 'true';
