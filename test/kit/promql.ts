// Reads of a PromQL expression which series it asks for: enough to notice a metric, a label or a value that does not exist.

/** One selector: a metric with the labels that it matches on. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly op: string; readonly value: string }[];
}

export interface Asked {
  readonly selectors: readonly Selector[];
  /** Labels that are grouped by, or joined on. */
  readonly grouped: readonly string[];
}

const WORDS = new Set(
  'sum min max avg count stddev topk bottomk quantile count_values group by without on ignoring group_left group_right and or unless offset bool atan2 inf nan'.split(
    ' ',
  ),
);
const FUNCTIONS = new Set(
  'rate irate increase delta changes absent time histogram_quantile clamp_min clamp_max label_replace avg_over_time max_over_time min_over_time label_values'.split(
    ' ',
  ),
);

/** Throws for what is neither a word of the language nor followed by what makes it a metric's name. */
export function readPromql(expression: string): Asked {
  const selectors: Selector[] = [];
  const grouped: string[] = [];
  let rest = expression;
  let depth = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    const found = pattern.exec(rest);
    if (found !== null) rest = rest.slice(found[0].length);
    return found;
  };
  while (rest !== '') {
    if (take(/^\s+/) !== null || take(/^"(?:[^"\\]|\\.)*"/) !== null) continue;
    if (take(/^\[[^\]]*\]/) !== null || take(/^\d+(?:\.\d+)?(?:e[+-]?\d+)?(?:ms|[smhdwy])?/) !== null)
      continue;
    const grouping = take(/^(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/);
    if (grouping !== null) {
      grouped.push(...grouping[1]!.split(',').flatMap((label) => (label.trim() === '' ? [] : label.trim())));
      continue;
    }
    const word = take(/^[a-zA-Z_:][a-zA-Z0-9_:]*/)?.[0];
    if (word !== undefined) {
      if (FUNCTIONS.has(word)) {
        if (!/^\s*\(/.test(rest)) throw new Error(`${word} is called nowhere: ${expression}`);
      } else if (!WORDS.has(word)) selectors.push({ metric: word, matchers: matchersOf(take, expression) });
      continue;
    }
    const sign = take(/^(?:[()+\-*/%^,]|[<>]=?|==|!=)/)?.[0];
    if (sign === undefined) throw new Error(`cannot be read from ${rest}: ${expression}`);
    if (sign === '(') depth++;
    if (sign === ')' && --depth < 0) throw new Error(`a bracket too many: ${expression}`);
  }
  if (depth !== 0) throw new Error(`a bracket is not closed: ${expression}`);
  return { selectors, grouped };
}

function matchersOf(
  take: (pattern: RegExp) => RegExpExecArray | null,
  expression: string,
): Selector['matchers'] {
  if (take(/^\{/) === null) return [];
  const matchers = [];
  while (take(/^\s*\}/) === null) {
    const found = take(/^\s*,?\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/);
    if (found === null) throw new Error(`a matcher cannot be read: ${expression}`);
    matchers.push({ label: found[1]!, op: found[2]!, value: found[3]! });
  }
  return matchers;
}
