// Every class of difference between Limpet and llhttp, each with its reason. What is not written here is a finding.
import { ANSWER_EXPLANATIONS } from './explained-answers.ts';
import { BODY_EXPLANATIONS } from './explained-bodies.ts';
import { REQUEST_EXPLANATIONS } from './explained-requests.ts';
import type { Explanation } from './explanation.ts';
import type { MessageView } from './message-view.ts';

export const EXPLANATIONS: readonly Explanation[] = [
  ...BODY_EXPLANATIONS,
  ...REQUEST_EXPLANATIONS,
  ...ANSWER_EXPLANATIONS,
];

const BY_KIND = new Map<string, Explanation[]>();
for (const one of EXPLANATIONS) {
  const key = `${one.side} ${one.kind}`;
  BY_KIND.set(key, [...(BY_KIND.get(key) ?? []), one]);
}

/** The explanation of a class of difference that holds for the message at hand. */
export function explanationOf(
  side: Explanation['side'],
  kind: string,
  view: MessageView,
): Explanation | undefined {
  const candidates = [...(BY_KIND.get(`${side} ${kind}`) ?? []), ...(BY_KIND.get(`${side} *`) ?? [])];
  return candidates.find((one) => one.holds(view));
}
