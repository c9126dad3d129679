// The labeler's answers so far, to review and to change.

import { signal } from "@preact/signals";

import { call, asCallError } from "../../connect/call";
import type { OwnAnswer } from "../../connect/messages";

export const isOpen = signal(false);
export const answers = signal<OwnAnswer[]>([]);
export const problem = signal("");
/** Token of the next list page; empty if there is none. */
export const nextPage = signal("");
export const isLoading = signal(false);

const PAGE_SIZE = 12;

/** Read the newest answers. */
export function readFirst(runId: string): Promise<void> {
  answers.value = [];
  return read(runId, "");
}

/** Read the list page after those already read. */
export function readNext(runId: string): Promise<void> {
  return read(runId, nextPage.value);
}

async function read(runId: string, pageToken: string): Promise<void> {
  if (isLoading.value) return;
  isLoading.value = true;
  problem.value = "";
  try {
    const request = { runId, pageSize: PAGE_SIZE, pageToken };
    const reply = await call("ListOwnAnswers", request);
    answers.value = [...answers.value, ...(reply.answers ?? [])];
    nextPage.value = reply.nextPageToken ?? "";
  } catch (error) {
    problem.value = asCallError(error).message;
  } finally {
    isLoading.value = false;
  }
}

/** Show a change that was sent. */
export function showChanged(changed: OwnAnswer): void {
  answers.value = answers.value.map((each) => (each.answerId === changed.answerId ? changed : each));
}
