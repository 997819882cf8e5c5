// From the choices to what is shown: codes of a source, then a picture of them; what was shown stays until both are
// there, and a newer choice overtakes an older one.

import { Withdrawn } from "./jobs.js";
import { readCodes } from "./map_codes.js";
import { firstCodes } from "./map_first.js";
import { linePicture, readPicture } from "./map_picture.js";
import { uploaded } from "./map_words.js";

export class Flow {
  /**
   * Args: model; server; controls; progress; onCodes(codes) when new ones have come; onShow(codes, picture, wish,
   * meanwhile) when their picture has, meanwhile: other codes will follow at once; onSay(text, again) for people, again:
   * offer to draw once more; onNothing(sources) where there are no codes to begin with.
   */
  constructor({ model, server, controls, progress, onCodes, onShow, onSay, onNothing }) {
    Object.assign(this, { model, server, controls, progress, onCodes, onShow, onSay, onNothing });
    Object.assign(this, { codes: null, shown: null, chosen: false, gone: false });
  }

  /** The kinds of pictures and the first codes, side by side. */
  async begin() {
    const first = firstCodes(this.model, this.server);
    first.catch(() => {});              // told below
    try {
      this.controls.setMethods(await this.server.methods());
      const { now, later } = await first;
      if (this.gone) return;
      this.meanwhile = Boolean(later);
      this.take(readCodes(now));
      await this.draw();
      this.meanwhile = false;
      if (later) await this.follow(later);
    } catch (error) {
      this.failed(error);
      if (!this.codes && !this.gone) await this.offer().catch(() => {});
    }
  }

  /** There are no codes to begin with: what else could be chosen? */
  async offer() {
    const { sources } = await this.server.sources();
    this.controls.setSources(sources, "");
    this.onNothing(sources);
  }

  /** The images' codes are under way, the kept ones are shown. */
  async follow(later) {
    try {
      await this.swap(await this.progress.run("Encoding the held-out images", (watch) => later.follow(watch)));
    } catch (error) {
      // Another kind of picture was chosen meanwhile: the codes come with that one.
      if (error instanceof Withdrawn && this.progress.busy) await this.swap(await later.answer);
      else throw error;
    }
  }

  async swap(buffer) {
    if (this.gone || this.chosen) return;
    this.take(readCodes(buffer));
    await this.draw();
  }

  /** Another source was chosen. */
  async load(id) {
    this.chosen = true;
    this.onSay("");
    try {
      const buffer = await this.progress.run("Encoding", (watch) => this.server.encoded(id, watch));
      this.take(readCodes(buffer));
      await this.draw();
    } catch (error) {
      if (this.codes) this.controls.setSources(this.codes.header.sources, this.codes.source);
      this.failed(error);
    }
  }

  take(codes) {
    if (this.gone) throw new Withdrawn("Codes");
    codes.modelDimensions = this.model.latent_dim;
    this.codes = codes;
    this.controls.setSources(codes.header.sources, codes.source);
    this.controls.setUpload(uploaded(codes) ? codes.dimensions : null);
    this.onCodes(codes);
  }

  /** Ask for the picture that is chosen and show it; `again` after it was cancelled. */
  async draw(again = false) {
    const { codes } = this, chosen = this.controls.wish();
    if (!codes || !chosen || this.gone) return;
    const wish = { source: codes.source, digest: codes.header.digest, ...chosen };
    this.onSay("");
    try {
      const picture = await this.picture(codes, wish, again);
      if (this.gone || this.codes !== codes) return;
      this.shown = codes;
      this.onShow(codes, picture, wish, this.meanwhile);
    } catch (error) {
      if (!this.simplify(error, codes)) return void this.failed(error, true);
      await this.draw();
      this.onSay(`${error.message}. Shown instead: latent dimensions as they are.`);
    }
  }

  async picture(codes, wish, again) {
    if (codes.dimensions === 1 && wish.method === "dimensions") return linePicture(codes);
    const buffer = await this.progress.run("Drawing", (watch) => this.server.picture(wish, watch, again));
    return readPicture(buffer, codes.count);
  }

  /** New codes that the chosen kind of picture cannot show: is there a simpler one? Then it is chosen. */
  simplify(error, codes) {
    return error.status === 422 && this.shown !== codes && this.controls.simplest();
  }

  failed(error, drawing = false) {
    const withdrawn = error instanceof Withdrawn;
    if (this.gone || (withdrawn && this.progress.busy)) return;         // a newer question is under way
    this.onSay(withdrawn ? "Cancelled. What was shown before stays." : error.message, drawing && withdrawn);
  }

  stop() {
    this.gone = true;
  }
}
