import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSecretNames, KEY_NAME_CHARS, SECRET_NAMES } from '../../../src/core/redact/keys.ts';

const SECRET =
  `password Password PASSWORD passwd user_password new-password password2 passwordConfirmation db_pass
  secret client_secret clientSecret CLIENT_SECRET x-client-secret secrets
  token access_token accessToken ACCESS_TOKEN refresh-token id_token csrfToken GITHUB_TOKEN bot_token token_value
  apikey apiKey APIKEY api_key api-key x-api-key X-API-Key APIKey STRIPE_API_KEY stripe_api_key_live openaiApiKey
  authorization Authorization proxy-authorization authorization_header cookie cookies set-cookie Set-Cookie
  private_key privateKey PRIVATE_KEY ssh.private.key aws_secret_access_key accessKey access_key signingKey
  session Session sessionKey user_session passphrase pwd otp cvv`.split(/\s+/);

const OTHER =
  `token_count tokens input_tokens output_tokens max_tokens total_tokens maxTokens token_limit tokenizer
  agent_token_id token_id token_hash token_type token_expires_at args_hash args_hash_alg key keys key_id keyboard monkey
  session_id sessionId session_count secretary secret_name secret_ref secrets_count passed pass password_hash_alg
  password_length authorization_url author authorized cookie_policy cookie_name cookiecutter access access_log
  api api_version apikey_id public_key primary_key foreign_key sort_key idempotency_key private
  id name host path query_hash prev ts type v 0 _ -`.split(/\s+/);

describe('secret member names', () => {
  const names = createSecretNames();

  it('know credentials in every way of writing', () => {
    for (const name of SECRET) assert.ok(names.has(name), name);
    assert.ok(names.has('API Key'));
    assert.ok(names.has('my.api.key'));
  });

  it('leave alone names that are about a credential, or only look like one', () => {
    for (const name of OTHER) assert.ok(!names.has(name), name);
    assert.ok(!names.has(''));
  });

  it('take longer names as data', () => {
    assert.ok(names.has(`${'a'.repeat(KEY_NAME_CHARS - 6)}_token`));
    assert.ok(!names.has(`${'a'.repeat(KEY_NAME_CHARS)}_token`));
  });

  it('add the names of a user to the built-in ones, and refuse what cannot be one', () => {
    const more = createSecretNames(['Kundennummer', 'patient-id', 'pw']);
    assert.ok(more.has('password'));
    assert.ok(more.has('kundennummer'));
    assert.ok(more.has('PatientID'));
    assert.ok(more.has('the_patient_id_2'));
    assert.ok(more.has('pw'));
    assert.ok(!more.has('id'));
    for (const bad of ['', '_', 'x', 'пароль'])
      assert.throws(() => createSecretNames([bad]), { code: 'BAD_CONFIG' });
  });

  it('contain a stem unbroken, which is what the gate relies on', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SECRET_NAMES),
        fc.constantFrom('', '_', '-', ' ', '.'),
        fc.nat(20),
        fc.constantFrom('', 'x_', 'X', 'a1'),
        fc.constantFrom('', '_header', '2', 'Value', '_'),
        (name, separator, at, before, after) => {
          // A separator anywhere, also inside a word.
          const joined = name.replaceAll(' ', separator);
          const broken = joined.slice(0, at) + separator + joined.slice(at);
          const written = before + broken + after;
          if (!names.has(written)) return;
          assert.ok(
            names.stems.some((stem) => written.toLowerCase().includes(stem)),
            written,
          );
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('give the same answer when asked again, and after many other names', () => {
    for (let i = 0; i < 10_000; i++) names.has(`name_${i}`);
    for (const name of SECRET) assert.ok(names.has(name) && names.has(name));
  });
});
