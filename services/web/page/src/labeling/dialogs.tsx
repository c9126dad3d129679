// Help and guidelines.

import { Markdown } from "../shell/markdown";
import { Dialog } from "../shell/dialog";
import * as screen from "./screen";
import { guidelines, isOpen } from "./session/guidelines_book";

const KEYS: readonly { keys: readonly string[]; meaning: string }[] = [
  { keys: ["←", "A", "1"], meaning: "The left clip is better." },
  { keys: ["→", "D", "2"], meaning: "The right clip is better." },
  { keys: ["↓", "S"], meaning: "Equal: both are equally good, or equally bad. The agent learns from this too." },
  { keys: ["↑", "W"], meaning: "Can’t compare: you can’t judge these two. The pair is left out." },
  { keys: ["space"], meaning: "Replay both from the start." },
  { keys: ["P", "K"], meaning: "Pause, play." },
  { keys: [",", "."], meaning: "One frame back, one frame forward. The slider moves both clips to any moment." },
  { keys: ["[", "]"], meaning: "Slower, faster." },
  {
    keys: ["Z", "⌫"],
    meaning: "Undo: go back to the previous pair, up to ten times, and answer it again. Esc keeps the answer as it was.",
  },
  { keys: ["R"], meaning: "Skip: you won’t see the pair again; others may." },
  { keys: ["G"], meaning: "The guidelines: what to judge by." },
  { keys: ["H"], meaning: "Your answers so far, to review and change." },
  { keys: ["F"], meaning: "Full screen." },
  { keys: ["X"], meaning: "Close the card or the hint." },
  { keys: ["?"], meaning: "This help." },
];

export function Help() {
  return (
    <Dialog id="help" isOpen={screen.isHelpOpen} title="How to label">
      <form method="dialog">
        <p>
          Watch both clips, then press the key for the one that better does what the question asks, or click or tap it.
          Go with your first clear impression.
        </p>
        <table>
          <tbody>
            {KEYS.map(({ keys, meaning }) => (
              <tr key={meaning}>
                <th scope="row">
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </th>
                <td>{meaning}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p>
          Answers wait in this browser until the server has saved them; the top of the page shows this. After three
          minutes without input your pairs are returned, so that others can answer them.
        </p>
        <div class="buttons">
          <button type="button" class="quiet" data-action="practise">
            Practise
          </button>
          <button class="primary" value="close" autofocus>
            Close <kbd>Esc</kbd>
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function GuidelinesDialog() {
  const { text = "", version = 0 } = guidelines.value ?? {};
  return (
    <Dialog id="guidelines" isOpen={isOpen} title={screen.question.value}>
      <form method="dialog">
        <Markdown text={text} />
        <p class="foot">
          Guidelines, version {version}. Your answers are stored with this version.
          <span class="by-key">
            {" "}
            <kbd>G</kbd> shows them again.
          </span>
        </p>
        <button class="primary" value="close" autofocus>
          Continue <kbd>Esc</kbd>
        </button>
      </form>
    </Dialog>
  );
}
