// Cards of the answered pairs that match a filter, more of them on request.

import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";

import { ClipCard } from "../../clips/clip_card";
import { wantsMotion } from "../../clips/clip_hooks";
import { predictionOf } from "../../clips/prediction";
import { call } from "../../connect/call";
import { num, type ReplyOf, type RequestOf } from "../../connect/messages";
import { answersBehind } from "../../run/estimates";
import { useLoaded, wordsOf } from "../../shell/loading";
import { Problem } from "../../shell/parts";

const PAGE_SIZE = 12;

export type AnswerFilter = Required<Pick<RequestOf<"ListClips">, "labelerId" | "preference" | "order">>;

type ListPage = ReplyOf<"ListClips">;

export function AnswerCards({ runId, filter }: { runId: string; filter: AnswerFilter }) {
  const key = `${runId} ${Object.values(filter).join(" ")}`;
  const first = useLoaded(key, () => readListPage(runId, filter, ""));
  const progress = useLoaded(runId, () => call("GetRunProgress", { runId, cursor: "0" }));
  const [later, setLater] = useState<{ key: string; pages: ListPage[] }>({ key, pages: [] });
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const isPlaying = useSignal(wantsMotion());
  const pages = [...(first.value ? [first.value] : []), ...(later.key === key ? later.pages : [])];
  const cards = pages.flatMap(({ queries = [] }) => queries);
  const next = pages.at(-1)?.nextPageToken ?? "";
  const reach = Math.max(0, ...cards.map((clipped) => predictionOf(clipped)?.reach ?? 0));
  const more = async () => {
    setBusy(true);
    try {
      const page = await readListPage(runId, filter, next);
      setLater({ key, pages: [...pages.slice(1), page] });
      setProblem("");
    } catch (error) {
      setProblem(wordsOf(error));
    }
    setBusy(false);
  };
  if (first.problem || progress.problem) return <Problem sentence={first.problem || progress.problem} />;
  if (!first.value || !progress.value) return <p class="faint">Loading…</p>;
  if (cards.length === 0) return <p class="faint">No answers match. When a teacher answers, one pair in ten has clips.</p>;
  return (
    <>
      <div class="actions">
        <button type="button" id="answers-play" class="small" onClick={() => (isPlaying.value = !isPlaying.value)}>
          {isPlaying.value ? "Stop all" : "Play all"}
        </button>
        <p class="legend">
          <b class="up">Up</b> is better than the pair’s mean, <b class="down">down</b> is worse.
        </p>
      </div>
      <ul class="clip-cards" id="answer-cards">
        {cards.map((clipped) => (
          <ClipCard
            key={clipped.query.queryId}
            clipped={clipped}
            reach={reach}
            isPlaying={isPlaying}
            numAnswers={answersBehind(num(clipped.rewardVersion), progress.value?.points ?? [])}
          />
        ))}
      </ul>
      {problem ? <Problem sentence={problem} /> : null}
      {next ? (
        <button type="button" class="small more" id="more-answers" disabled={isBusy} onClick={() => void more()}>
          More
        </button>
      ) : null}
    </>
  );
}

function readListPage(runId: string, filter: AnswerFilter, pageToken: string): Promise<ListPage> {
  return call("ListClips", { runId, ...filter, isAnswered: true, pageSize: PAGE_SIZE, pageToken });
}
