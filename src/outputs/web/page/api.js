// The station's interface: see docs/web-api.md.

import { knows, number, t } from "./words.js";

export class ApiError extends Error {
  // `code` names the kind of error; null where there was no answer that says one.
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// `patience`: how long to wait for the whole answer, ms; for ever without one.
export const get = (path, patience) => ask("GET", path, undefined, patience);
export const send = (method, path, body, patience) => ask(method, path, body ?? {}, patience);

async function ask(method, path, body, patience) {
  const request = { method, headers: {}, cache: "no-store" };
  if (patience) request.signal = AbortSignal.timeout(patience);
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response, text;
  try {
    response = await fetch(path, request);
    text = await response.text();
  } catch {
    throw new ApiError(0, null, t("error.unreachable"));
  }
  let answer = null;
  try {
    answer = text === "" ? null : JSON.parse(text);
  } catch {
    throw new ApiError(response.status, null, t("error.answer"));
  }
  if (response.ok) return answer;
  const code = answer?.code ?? null;
  // A wrong password is no login that ended.
  if (response.status === 401 && path !== "/api/login" && code !== "wrong-password") goToLogin();
  throw new ApiError(response.status, code, words(answer));
}

// In the page's language where the catalogue has words for it, else the station's sentence.
function words(answer) {
  const key = `error.${answer?.code}`;
  if (knows(key)) return t(key, { minutes: number(Math.max(1, Math.ceil((answer.retry_after ?? 60) / 60))) });
  return answer?.error ?? t("error.answer");
}

// The address of the login, and back to this one afterwards.
export const loginAddress = () => (location.hash === "" ? "#/login" : `#/login?then=${encodeURIComponent(location.hash)}`);

// Where that leads back to; never to another site.
export function target(then) {
  try {
    const hash = decodeURIComponent(then);
    return hash.startsWith("#/") ? hash : "#/live";
  } catch {
    return "#/live";
  }
}

export function goToLogin() {
  if (!location.hash.startsWith("#/login")) location.hash = loginAddress();
}
