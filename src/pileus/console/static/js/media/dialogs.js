// Adding a source by its address, and making this device one.

import { byId, setText } from "../dom.js";
import { Camera } from "./camera.js";

/** A dialog with a form; `act()` does what it asks, and its trouble is shown in the form. */
function dialogOf(name, act) {
  const [dialog, form] = [byId(`${name}-dialog`), byId(`${name}-form`)];
  const trouble = form.querySelector(".trouble");
  form.querySelector("[value=cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    trouble.hidden = true;
    try {
      await act();
      dialog.close();
      form.reset();
    } catch (error) {
      setText(trouble, error.message);
      trouble.hidden = false;
    }
    button.disabled = false;
  });
  return () => {
    trouble.hidden = true;
    dialog.showModal();
  };
}

export class Dialogs {
  #camera = null;

  /** @param {(name: string) => void} choose called with the new source */
  constructor(desk, choose) {
    this.desk = desk;
    this.choose = choose;
    byId("add-source").addEventListener("click", dialogOf("source", () => this.#add()));
    const showDevice = dialogOf("device", () => this.#useDevice());
    byId("use-device").addEventListener("click", () => {
      if (!byId("device-name").value) byId("device-name").value = matchMedia("(pointer: coarse)").matches ? "phone" : "laptop";
      showDevice();
    });
    byId("on-air-stop").addEventListener("click", () => this.#camera?.stop());
  }

  async #add() {
    const name = byId("source-name").value.trim();
    await this.desk.call("CreateSource", { Name: name, Url: byId("source-url").value.trim() });
    await this.#show(name);
  }

  async #useDevice() {
    const name = byId("device-name").value.trim();
    const camera = await Camera.open(byId("device-facing").value);
    try {
      const { PushKey } = await this.#pushed(name);
      camera.start(this.desk.path(name, "push"), PushKey, (words) => this.#over(name, words));
    } catch (error) {
      camera.stop();
      throw error;
    }
    this.#camera = camera;
    this.#onAir(`This device is live as “${name}”.`, true);
    await this.#show(name);
  }

  /** A source that is pushed to, made where there is none of the name. */
  async #pushed(name) {
    if (!this.desk.source(name)) await this.desk.call("CreateSource", { Name: name, Push: true });
    const { Source } = await this.desk.call("DescribeSource", { Name: name });
    if (!Source.PushKey) throw new Error(`“${name}” is read from an address; choose another name.`);
    return Source;
  }

  #over(name, words) {
    this.#camera = null;
    this.#onAir(words ? `“${name}” ended: ${words}` : "", false);
  }

  #onAir(words, isLive) {
    byId("on-air").hidden = !words;
    byId("on-air").classList.toggle("is-live", isLive);
    byId("on-air-stop").hidden = !isLive;
    setText(byId("on-air").querySelector("span"), words);
  }

  async #show(name) {
    await this.desk.refresh();
    this.choose(name);
  }
}
