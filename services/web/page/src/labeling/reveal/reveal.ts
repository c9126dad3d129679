// Shows from time to time what the agent does now, so that people see the effect of their answers; never predictions.

import { signal } from "@preact/signals";

import { asCallError } from "../../connect/call";
import { num, type PolicyClip } from "../../connect/messages";
import { fetchPolicyClip, newestPolicyClip } from "../../connect/policy_clips";

/** The newest policy's video while it is shown. */
export const reveal = signal<{ url: string; envSteps: number } | null>(null);

const EVERY_ANSWERS = 10;
const SEEN_KEY = "somersault.seen-policy";

/** Shows a new policy clip after every few answers, if there is one. */
export class Reveal {
  #numAnswers = 0;
  #isLooking = false;

  /** Note that an answer was saved. */
  note(runId: string): void {
    this.#numAnswers += 1;
    if (this.#numAnswers % EVERY_ANSWERS === 0) void this.#look(runId);
  }

  dismiss(): void {
    if (reveal.value) URL.revokeObjectURL(reveal.value.url);
    reveal.value = null;
  }

  async #look(runId: string): Promise<void> {
    if (this.#isLooking || !runId) return;
    this.#isLooking = true;
    try {
      const clip = await newestPolicyClip(runId);
      if (clip && isNew(runId, clip)) await this.#show(runId, clip);
    } catch (error) {
      // A later answer tries again.
      asCallError(error);
    } finally {
      this.#isLooking = false;
    }
  }

  async #show(runId: string, clip: PolicyClip): Promise<void> {
    const url = URL.createObjectURL(await fetchPolicyClip(runId, clip));
    this.dismiss();
    reveal.value = { url, envSteps: num(clip.envSteps) };
    localStorage.setItem(`${SEEN_KEY}.${runId}`, String(num(clip.policyVersion)));
  }
}

function isNew(runId: string, { policyVersion }: PolicyClip): boolean {
  return num(policyVersion) > Number(localStorage.getItem(`${SEEN_KEY}.${runId}`) ?? -1);
}
