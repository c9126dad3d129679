// The frame of all pages: the bar with name and navigation, the login form, and the page.

import { computed, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { PAGES, type PageEntry, type PageModule } from "./pages";
import { Prose } from "./prose";
import { isLoginShown, isReadOnly, logInAndReload, loginProblem, session } from "./shell";
import { Welcome } from "./welcome";

/** The page's module once it is loaded. */
export const pageModule = signal<PageModule | null>(null);

const openPages = computed(() => {
  const sessions = session.value?.sessions ?? [];
  return PAGES.filter(({ kinds }) => kinds.some((kind) => sessions.includes(kind)));
});

export function App({ page }: { page: PageEntry }) {
  const who = session.value;
  const module = pageModule.value;
  const isOpen = who !== null && module !== null;
  useEffect(() => {
    document.title = [page.path === "/" ? "" : page.name, who?.runId, "Somersault"].filter(Boolean).join(" · ");
  }, [who?.runId]);
  return (
    <>
      <header class="bar">
        <p class="brand">
          <img src="/static/icon.svg" alt="" width="22" height="22" /> Somersault{" "}
          <span id="run" class="run">
            {who?.runId}
          </span>
        </p>
        <Navigation page={page} />
        {isOpen && module.Bar && !isLoginShown.value ? <module.Bar session={who} /> : null}
      </header>
      <main>
        <Welcome page={page} />
        <Login page={page} />
        {isOpen ? (
          <div class="page" hidden={isLoginShown.value}>
            <module.Page session={who} />
          </div>
        ) : null}
      </main>
    </>
  );
}

function Navigation({ page }: { page: PageEntry }) {
  // A server that only lists runs can't serve the other pages.
  if (openPages.value.length < 2 || isReadOnly.value) return null;
  return (
    <nav aria-label="Pages">
      {openPages.value.map(({ path, name }) => (
        <a key={path} href={path} aria-current={path === page.path ? "page" : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}

function Login({ page }: { page: PageEntry }) {
  const input = useRef<HTMLInputElement>(null);
  const isShown = isLoginShown.value;
  useEffect(() => {
    if (isShown) input.current?.focus();
  }, [isShown]);
  const onSubmit = (event: Event) => {
    event.preventDefault();
    void logInAndReload(input.current?.value.trim() ?? "", page.kinds);
  };
  return (
    <section id="login" class="card" hidden={!isShown} aria-labelledby="login-title">
      <h1 id="login-title">{page.loginTitle}</h1>
      <p>
        <Prose text={page.loginHint} />
      </p>
      <form id="login-form" autocomplete="off" onSubmit={onSubmit}>
        <label for="token">Token</label>
        <input
          id="token"
          ref={input}
          name="token"
          type="password"
          required
          maxLength={512}
          spellcheck={false}
          autocapitalize="off"
        />
        <button type="submit" class="primary">
          Log in
        </button>
      </form>
      <p class="problem" id="login-problem" role="alert">
        {loginProblem}
      </p>
    </section>
  );
}
