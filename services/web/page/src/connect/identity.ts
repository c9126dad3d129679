// Whose cookie this browser holds as a labeler's. Tabs share it, so a login in one of them is a login in all: without
// this, a tab of the labeler before would send its answers in the new one's name, and they would be refused.

const KEY = "somersault.labeler";
const CHANGING = "?";

/** Says whose the cookie is. */
export function claimSession(labelerId: string): void {
  localStorage.setItem(KEY, labelerId);
}

/** Tells whether calls are made in a labeler's name right now. */
export function isSessionOf(labelerId: string): boolean {
  return (localStorage.getItem(KEY) ?? labelerId) === labelerId;
}

/** Keeps answers of all tabs back while a login may be changing the cookie. */
export async function whileLoggingIn<Value>(work: () => Promise<Value>): Promise<Value> {
  const before = localStorage.getItem(KEY);
  localStorage.setItem(KEY, CHANGING);
  try {
    return await work();
  } finally {
    // Unless somebody has claimed it meanwhile.
    if (localStorage.getItem(KEY) === CHANGING) {
      if (before === null || before === CHANGING) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, before);
    }
  }
}

/** Calls back when another tab has logged in somebody else. */
export function onOtherLabeler(labelerId: string, callback: () => void): void {
  addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY && newValue && newValue !== CHANGING && newValue !== labelerId) callback();
  });
}
