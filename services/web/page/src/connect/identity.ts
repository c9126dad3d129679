// Which labeler this browser's session cookie belongs to. All tabs share the cookie, so a login in one is a login in all:
// without this, a tab of the previous labeler would send its answers as the new one, and they would be rejected.

const KEY = "somersault.labeler";
const CHANGING = "?";

/** Note which labeler the session cookie belongs to. */
export function claimSession(labelerId: string): void {
  localStorage.setItem(KEY, labelerId);
}

/** Return whether calls are currently made as this labeler. */
export function isSessionOf(labelerId: string): boolean {
  return (localStorage.getItem(KEY) ?? labelerId) === labelerId;
}

/** Hold back the answers of all tabs while a login may be changing the cookie. */
export async function whileLoggingIn<Value>(work: () => Promise<Value>): Promise<Value> {
  const before = localStorage.getItem(KEY);
  localStorage.setItem(KEY, CHANGING);
  try {
    return await work();
  } finally {
    // Unless another login has claimed it meanwhile.
    if (localStorage.getItem(KEY) === CHANGING) {
      if (before === null || before === CHANGING) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, before);
    }
  }
}

/** Call back when another tab has logged in as a different labeler. */
export function onOtherLabeler(labelerId: string, callback: () => void): void {
  addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY && newValue && newValue !== CHANGING && newValue !== labelerId) callback();
  });
}
