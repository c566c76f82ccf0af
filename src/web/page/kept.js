// What this browser remembers: language and look. One that keeps nothing goes by its own.

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
