// What this browser stores: language and theme, and unsigned comments while the tab is open. A browser without storage
// uses its own preferences.

export function preferred(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    if (value) localStorage.setItem(name, value);
    else localStorage.removeItem(name);
  } catch {
    // Nothing can be done, and only the choice is lost.
  }
}

const DRAFT = "draft/";

// A person's comment on a session. It survives an expired login and is shown to nobody else.
export function draft(person, session) {
  try {
    return sessionStorage.getItem(`${DRAFT}${person}/${session}`) ?? "";
  } catch {
    return "";
  }
}

export function keepDraft(person, session, text) {
  try {
    if (text) sessionStorage.setItem(`${DRAFT}${person}/${session}`, text);
    else sessionStorage.removeItem(`${DRAFT}${person}/${session}`);
  } catch {
    // The form still holds it.
  }
}

export function dropDrafts() {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(DRAFT)) sessionStorage.removeItem(key);
  } catch {
    // None was stored.
  }
}
