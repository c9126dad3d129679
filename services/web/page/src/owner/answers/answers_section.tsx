// Every answer with its clips: filtered and sorted.

import { useState } from "preact/hooks";

import { ANSWERS } from "../../clips/clip_card";
import { readAll, useLoaded } from "../../shell/loading";
import { Section } from "../../shell/parts";
import { AnswerCards, type AnswerFilter } from "./answer_cards";
import type { SectionContext } from "../section_context";

export function AnswersSection({ run: { runId } }: SectionContext) {
  const labelers = useLoaded("labelers", () => readAll("ListLabelers"));
  const [labelerId, setLabelerId] = useState("");
  const [preference, setPreference] = useState<AnswerFilter["preference"]>("PREFERENCE_UNSPECIFIED");
  const [order, setOrder] = useState<AnswerFilter["order"]>("CLIP_ORDER_DISAGREEMENT");
  const answering = (labelers.value ?? []).filter(({ role }) => role === "ROLE_LABELER" || role === "ROLE_TEACHER");
  const lead = "Each answered pair, with its clips and what the reward model predicted when it was asked.";
  return (
    <Section id="answers" title="Answers" lead={lead}>
      <form class="panel inline" id="answers-filter" onSubmit={(event) => event.preventDefault()}>
        <label>
          First
          <select
            id="answers-order"
            value={order}
            onChange={(event) => setOrder(event.currentTarget.value as AnswerFilter["order"])}
          >
            <option value="CLIP_ORDER_DISAGREEMENT">disagreements, then wrong predictions</option>
            <option value="CLIP_ORDER_UNSPECIFIED">the newest</option>
          </select>
        </label>
        <label>
          By
          <select id="answers-labeler" value={labelerId} onChange={(event) => setLabelerId(event.currentTarget.value)}>
            <option value="">everyone</option>
            {answering.map((labeler) => (
              <option key={labeler.labelerId} value={labeler.labelerId}>
                {labeler.name || labeler.labelerId}
              </option>
            ))}
          </select>
        </label>
        <label>
          Answered
          <select
            id="answers-preference"
            value={preference}
            onChange={(event) => setPreference(event.currentTarget.value as AnswerFilter["preference"])}
          >
            <option value="PREFERENCE_UNSPECIFIED">anything</option>
            {Object.entries(ANSWERS).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </form>
      <AnswerCards runId={runId} filter={{ labelerId, preference, order }} />
    </Section>
  );
}
