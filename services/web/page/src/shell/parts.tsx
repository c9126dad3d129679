// Small parts that several sections use.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { num, type Role, type Share } from "../connect/messages";
import type { Session } from "../connect/session";
import { wordsOf, type Loaded } from "./loading";

import "./parts.css";

export const ROLE_NAMES: Record<Role, string> = {
  ROLE_LABELER: "labeler",
  ROLE_TEACHER: "teacher",
  ROLE_SERVICE: "service",
  ROLE_OWNER: "owner",
};

interface SectionProps {
  id: string;
  title: string;
  /** One sentence on what it is for. */
  lead: ComponentChildren;
  loaded?: Pick<Loaded<unknown>, "value" | "problem">;
  children: ComponentChildren;
}

/** One section with its title, and what went wrong if its contents couldn't be loaded. */
export function Section({ id, title, lead, loaded, children }: SectionProps) {
  return (
    <section class="section" id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        <p>{lead}</p>
      </header>
      {loaded?.problem ? <Problem sentence={loaded.problem} /> : null}
      {loaded && loaded.value === null && !loaded.problem ? <p class="faint">Loading…</p> : null}
      {children}
    </section>
  );
}

/** Shown instead of a page that only owners may see; `children` says why. */
export function OwnersOnly({ session, children }: { session: Session; children?: ComponentChildren }) {
  return (
    <div class="card">
      <h1>This page is for owners</h1>
      <p>
        You are logged in as {session.name}, a {session.role}. {children} Open the owner’s address to see it.
      </p>
    </div>
  );
}

export function Problem({ sentence }: { sentence: string }) {
  return (
    <p class="problem" role="alert">
      {sentence}
    </p>
  );
}

/** A moment in the reader's time zone. */
export function Time({ at }: { at: string | undefined }) {
  if (!at) return null;
  const words = new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return (
    <time dateTime={at} title={at}>
      {words}
    </time>
  );
}

/** A share as a number, with its 95% interval on a line from 0 to 100%. */
export function ShareCell({ share, flag }: { share: Share | undefined; flag?: string | false | undefined }) {
  const trials = num(share?.num);
  if (!share || trials === 0) return <span class="faint">–</span>;
  const low = (share.low ?? 0) * 100;
  const high = (share.high ?? 0) * 100;
  const middle = (share.share ?? 0) * 100;
  const interval = `${Math.round(low)} to ${Math.round(high)}%`;
  return (
    <span class={`share${flag ? " flagged" : ""}`} title={`${num(share.numTrue)} of ${trials}; 95% interval ${interval}`}>
      <span class="value">{Math.round(middle)}%</span>
      <svg viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label={`95% interval ${interval}, of ${trials}`}>
        <line class="track" x1="0" x2="100" y1="6" y2="6" />
        <line class="interval" x1={low} x2={Math.max(high, low + 1)} y1="6" y2="6" />
        <line class="middle" x1={middle} x2={middle} y1="1" y2="11" />
      </svg>
      <span class="of">of {trials}</span>
      {flag ? <span class="flag">⚑ {flag}</span> : null}
    </span>
  );
}

/** Run a button's work once at a time, and keep what went wrong or right for display. */
export function useAction(): {
  isBusy: boolean;
  problem: string;
  done: string;
  run: (work: () => Promise<string | void>) => Promise<boolean>;
} {
  const [state, setState] = useState({ isBusy: false, problem: "", done: "" });
  const run = async (work: () => Promise<string | void>) => {
    setState({ isBusy: true, problem: "", done: "" });
    try {
      const done = await work();
      setState({ isBusy: false, problem: "", done: done ?? "" });
      return true;
    } catch (error) {
      setState({ isBusy: false, problem: wordsOf(error), done: "" });
      return false;
    }
  };
  return { ...state, run };
}
