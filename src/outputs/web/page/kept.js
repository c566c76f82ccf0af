// What this browser remembers: language and look, and for as long as the tab is open comments not yet signed. One that
// keeps nothing goes by its own.

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
    // Nothing to be done, and nothing is lost but the choice.
  }
}

const DRAFT = "draft/";

// A person's comment on a session. It outlives a login that ended, and nobody else is shown it.
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
    // It still stands in the form.
  }
}

export function dropDrafts() {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(DRAFT)) sessionStorage.removeItem(key);
  } catch {
    // None was kept.
  }
}
