// What an id must look like, said to people who read no regular expressions.

import { t } from "../../words.js";

// Characters of an example where a pattern leaves the number open.
const MANY = 4;

// An id that fits the pattern, such as A-1234 for [A-Z]{1,3}-[0-9]{1,8}; null where the pattern is more than this reads.
export function example(pattern) {
  const branch = pattern.split("|")[0];
  if (pattern === "" || /[()]|\[\^|\[\[/.test(pattern)) return null;
  let made = "";
  for (const [, one, least, , most, sign] of branch.matchAll(/(\\.|\[[^\]]*\]|[^{}?*+])(?:\{(\d+)(,(\d*))?\}|([?*+]))?/g)) {
    const digit = one === "\\d" || /^\[(0-9|\\d)/.test(one);
    const [letter] = digit ? ["1234567890"] : one.startsWith("[") ? [one[1] === "\\" ? one[2] : one[1]] : one === "\\w" ? ["A"] : [one.at(-1)];
    const [low, high] = least !== undefined ? [Number(least), most === undefined ? Number(least) : most === "" ? Infinity : Number(most)]
      : sign === "?" ? [0, 1] : sign === "*" ? [0, Infinity] : sign === "+" ? [1, Infinity] : [1, 1];
    const n = digit ? Math.min(high, Math.max(low, MANY)) : Math.max(low, Math.min(high, 1));
    made += letter.repeat(Math.ceil(n / letter.length)).slice(0, n);
  }
  try {
    return new RegExp(`^(?:${pattern})$`, "u").test(made) ? made : null;
  } catch {
    return null;
  }
}

// The pattern as people read it: an example, or itself.
const form = ({ pattern }) => example(pattern) ?? pattern;

export const hint = (rules) => rules.pattern && ` ${t(example(rules.pattern) ? "live.sampleExample" : "live.samplePattern", { pattern: form(rules) })}`;

// Why an id is refused, from what the station knows of it.
export const refusal = ({ rule, problem }, rules) => (rule === "letters" ? problem
  : t(rule === "pattern" && example(rules.pattern) ? "noSample.example" : `noSample.${rule}`, { pattern: form(rules), least: rules.min_length, most: rules.max_length }));
