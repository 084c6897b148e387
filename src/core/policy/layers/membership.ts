/**
 * Whether the call belongs here: the tenant that it names is the one whose policy this is, and the user behind it is
 * one of the policy's, in the projects and environments that the policy gives to it. No role makes up for that.
 */
import { shown } from '../hosts.ts';
import { fail, type Layer, type LayerAnswer, PASS } from '../layer.ts';
import { environmentOf, projectOf } from '../subject.ts';

function outside(what: string, place: string | undefined, places: readonly string[] | undefined) {
  if (places === undefined || (place !== undefined && places.includes(place))) return undefined;
  return place === undefined
    ? `belongs to certain ${what}s, and the call names none`
    : `does not belong to the ${what} ${shown(place)}`;
}

export const membershipLayer: Layer = {
  name: 'membership',
  evaluate({ request, inputs: { identity, principal }, policy, user }): LayerAnswer {
    if (request.tenant_id !== policy.id)
      return fail(
        'not_a_member',
        `the call is for the tenant ${shown(request.tenant_id)}, which is another one`,
      );
    // Without a principal the layer before has stopped the call.
    if (policy.users === undefined || principal === undefined) return PASS;
    const who = `the user ${shown(principal.id)}`;
    if (user === undefined) return fail('not_a_member', `${who} is not in the policy's users`);
    const why =
      outside('project', projectOf(request, identity), user.projects) ??
      outside('environment', environmentOf(request, identity), user.environments);
    return why === undefined ? PASS : fail('not_a_member', `${who} ${why}`);
  },
};
