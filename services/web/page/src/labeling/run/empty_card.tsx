// Shown instead of a pair while there is none.

import { num } from "../../connect/messages";
import { Prose } from "../../shell/prose";
import * as screen from "../screen";
import { budgeted } from "../session/budget";

export function EmptyCard() {
  const { title, reason, isStill = false, canRetry = false } = screen.empty.value;
  const stats = screen.stats.value;
  const count = (value: string | undefined) => (stats ? String(num(value)) : "–");
  return (
    <div id="empty" class="card" hidden={screen.isPairThere.value}>
      {isStill ? null : (
        <div class="waiting" aria-hidden="true">
          <i />
          <i />
          <i />
        </div>
      )}
      <h2 id="empty-title">{title}</h2>
      <p id="empty-reason">
        <Prose text={reason} />
      </p>
      {canRetry ? (
        <button type="button" class="quiet" data-action="try-now">
          Try now
        </button>
      ) : (
        <dl class="figures">
          <div>
            <dt>being rendered</dt>
            <dd id="num-rendering">{count(stats?.numRendering)}</dd>
          </div>
          <div>
            <dt>with labelers</dt>
            <dd id="num-leased">{count(stats?.numLeased)}</dd>
          </div>
          <div>
            <dt>answered</dt>
            <dd id="num-answered">{stats ? budgeted(num(stats.numAnswered), stats) : "–"}</dd>
          </div>
        </dl>
      )}
    </div>
  );
}
