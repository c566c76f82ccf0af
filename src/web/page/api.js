// The station's interface: see docs/web-api.md.

import { t } from "./words.js";

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const get = (path) => ask("GET", path);
export const send = (method, path, body) => ask(method, path, body ?? {});

async function ask(method, path, body) {
  const request = { method, headers: {}, cache: "no-store" };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new ApiError(0, t("error.unreachable"));
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text === "" ? null : JSON.parse(text);
  } catch {
    throw new ApiError(response.status, t("error.answer"));
  }
  if (response.ok) return answer;
  if (response.status === 401 && path !== "/api/login") goToLogin();
  throw new ApiError(response.status, answer?.error ?? t("error.answer"));
}

// To the login, and back here afterwards.
export function goToLogin() {
  if (!location.hash.startsWith("#/login")) location.hash = `#/login?then=${encodeURIComponent(location.hash)}`;
}
