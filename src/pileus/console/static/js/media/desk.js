// What is known of live media: asked every second while the page is seen. And what its buttons do.

const EVERY_MS = 1000;

/** A refusal in the platform's words. */
export class Refused extends Error {}

/** Tells its listeners each new state: {Sources, Engines, Pipelines, Lanes, Newest}. */
export class Desk {
  #listeners = [];
  #account = "";
  #region = "";
  #timer = 0;
  #isAsking = false;
  state = null;

  constructor() {
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.refresh(); });
  }

  /** Look at an account; everything known of the one before is forgotten. */
  begin(account, region) {
    [this.#account, this.#region, this.state] = [account, region, null];
    this.refresh();
  }

  on(listener) {
    this.#listeners.push(listener);
  }

  /** Where the server has something of a source. */
  path(source, rest) {
    return `media/${this.#account}/${this.#region}/${encodeURIComponent(source)}/${rest}`;
  }

  source(name) {
    return this.state?.Sources.find((each) => each.Name === name) ?? null;
  }

  /** Names of the engines on a source, each once. */
  enginesOn(source) {
    const pipelines = this.state?.Pipelines.filter((each) => each.Source === source) ?? [];
    return [...new Set(pipelines.flatMap((each) => each.Engines))];
  }

  async refresh() {
    clearTimeout(this.#timer);
    if (this.#isAsking) return;
    this.#isAsking = true;
    const account = this.#account;
    try {
      const response = await fetch(`api/media?account=${account}`);
      if (response.ok && account === this.#account) {
        this.state = await response.json();
        for (const listener of this.#listeners) listener(this.state);
      }
    } catch {
      // The platform went away: the header says so, we only come back.
    }
    this.#isAsking = false;
    if (!document.hidden) this.#timer = setTimeout(() => this.refresh(), EVERY_MS);
  }

  /** Call an operation; its output. Throws Refused. */
  async call(operation, input) {
    const response = await fetch(`api/media/${operation}?account=${this.#account}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(input),
    });
    const told = await response.json();
    if (!response.ok) throw new Refused(told.error ?? `${operation} was refused.`);
    return told;
  }

  /** Have an engine look at a source. */
  async putOn(source, engine) {
    const pipeline = this.state.Pipelines.find((each) => each.Source === source);
    if (pipeline) await this.call("UpdatePipeline", { Name: pipeline.Name, Source: source, Engines: [...pipeline.Engines, engine] });
    else await this.call("CreatePipeline", { Name: source, Source: source, Engines: [engine] });
    await this.refresh();
  }

  /** Have it look no more; a pipeline without engines goes. */
  async takeOff(source, engine) {
    for (const { Name, Source, Engines } of this.state.Pipelines) {
      if (Source !== source || !Engines.includes(engine)) continue;
      const left = Engines.filter((each) => each !== engine);
      if (left.length) await this.call("UpdatePipeline", { Name, Source, Engines: left });
      else await this.call("DeletePipeline", { Name });
    }
    await this.refresh();
  }
}
