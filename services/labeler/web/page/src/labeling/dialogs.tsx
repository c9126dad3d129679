// Help and guidelines.

import { Markdown } from "../markdown/markdown";
import { Dialog } from "../shell/dialog";
import { guidelines, isOpen } from "./guidelines_book";
import * as screen from "./screen";

const KEYS: readonly { keys: readonly string[]; meaning: string }[] = [
  { keys: ["←", "A", "1"], meaning: "The left clip is better." },
  { keys: ["→", "D", "2"], meaning: "The right clip is better." },
  { keys: ["↓", "S"], meaning: "Equal: both are as good, or as bad. The learner learns from this too." },
  { keys: ["↑", "W"], meaning: "Can’t compare: you can’t judge these two. The learner leaves the pair out." },
  { keys: ["space"], meaning: "Replay both from the start." },
  { keys: ["[", "]"], meaning: "Slower, faster." },
  {
    keys: ["Z", "⌫"],
    meaning: "Undo: go back to the pair before, up to ten, and answer it again. Esc keeps the answer as it was.",
  },
  { keys: ["R"], meaning: "Skip: the pair goes to somebody else and does not come back to you." },
  { keys: ["G"], meaning: "The guidelines, if the run has some." },
];

export function Help() {
  return (
    <Dialog id="help" isOpen={screen.isHelpOpen} title="How to label">
      <form method="dialog">
        <p>
          Watch both clips and press the key of the one that does better what the question asks. Follow your first clear
          impression. With a finger, tap the better clip.
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
        <p>Answers wait in this browser until the server has them safely; the top of the page says so.</p>
        <button class="primary" value="close" autofocus>
          Close <kbd>Esc</kbd>
        </button>
      </form>
    </Dialog>
  );
}

export function GuidelinesDialog() {
  const { text = "", version = 0 } = guidelines.value ?? {};
  return (
    <Dialog id="guidelines" isOpen={isOpen} title="Guidelines">
      <form method="dialog">
        <Markdown text={text} />
        <p class="foot">Version {version}. Your answers are stored with it.</p>
        <button class="primary" value="close" autofocus>
          Go on <kbd>Esc</kbd>
        </button>
      </form>
    </Dialog>
  );
}
