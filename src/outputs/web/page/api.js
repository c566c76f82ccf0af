// Client of the station's API: see docs/web-api.md.

import { knows, number, t } from "./words.js";

export class ApiError extends Error {
  // `code` names the kind of error; null if no answer arrived that gives one.
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// `patience`: how long to wait for the complete answer, ms; without it there is no limit.
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
  // A wrong password does not mean that the login has expired.
  if (response.status === 401 && path !== "/api/login" && code !== "wrong-password") goToLogin();
  throw new ApiError(response.status, code, words(answer));
}

// The error in the page's language if the catalogue has it, else the station's sentence.
function words(answer) {
  const key = `error.${answer?.code}`;
  if (knows(key)) return t(key, { minutes: number(Math.max(1, Math.ceil((answer.retry_after ?? 60) / 60))) });
  return answer?.error ?? t("error.answer");
}

// Address of the login view, with the way back to the current one.
export const loginAddress = () => (location.hash === "" ? "#/login" : `#/login?then=${encodeURIComponent(location.hash)}`);

// The address to return to after the login; never another site.
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
