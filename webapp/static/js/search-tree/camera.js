// What part of the tree is on the screen, and at what scale. "Along" goes from the root to the leaves, "across" from
// sibling to sibling. They are scaled apart: however many leaves there are, the levels fill the width.

const MARGIN = 26;
const LABEL_ROOM = 150; // right of the last level
const MOST_ACROSS = 44; // pixels a row
const MOST_ALONG = 250; // pixels a level
const READABLE = 15; // pixels a row at which labels are shown

export class Camera {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.along = { origin: MARGIN, scale: 100 };
    this.across = { origin: 0, scale: 10 };
  }

  /** Tells the camera what there is to see. */
  see(layout, width, height) {
    this.upright = layout.kind === "icicle"; // levels run down, not to the right
    this.levels = Math.max(layout.levels.length - 1, 1);
    this.size = layout.size;
    this.width = width;
    this.height = height;
  }

  get room() {
    return this.upright ? this.width : this.height;
  }

  fitScale() {
    return this.upright ? this.room / this.size : Math.min((this.room - 2 * MARGIN) / this.size, 32);
  }

  leastAlong() {
    const room = this.upright ? this.height : this.width - MARGIN - Math.min(LABEL_ROOM, this.width / 3);
    return this.upright ? Math.max(Math.min(room / (this.levels + 1), 44), 14) : Math.max(room / this.levels, 12);
  }

  /** Everything at once. */
  fit() {
    this.across.scale = this.fitScale();
    this.across.origin = (this.room - this.size * this.across.scale) / 2;
    this.along.scale = Math.min(this.leastAlong(), MOST_ALONG);
    this.along.origin = this.upright ? 0 : MARGIN;
  }

  /** Readable: everything where it fits, else a part of it around a place. */
  start(at) {
    this.fit();
    if (this.upright || this.across.scale >= READABLE - 3) return;
    this.across.scale = READABLE;
    this.along.scale = Math.min(Math.max(this.along.scale, 116), MOST_ALONG);
    this.across.origin = this.room / 2 - at * READABLE;
    this.clamp();
  }

  toAlong(level) {
    return this.along.origin + level * this.along.scale;
  }

  toAcross(at) {
    return this.across.origin + at * this.across.scale;
  }

  /** Place on the screen of (level, at): [x, y]. */
  point(level, at) {
    const place = [this.toAlong(level), this.toAcross(at)];
    return this.upright ? place.reverse() : place;
  }

  /** The (level, at) under a place on the screen. */
  under(x, y) {
    const [along, across] = this.upright ? [y, x] : [x, y];
    return [(along - this.along.origin) / this.along.scale, (across - this.across.origin) / this.across.scale];
  }

  /** Lowest and highest place across that is on the screen, with a margin in pixels. */
  window(margin = 24) {
    const { origin, scale } = this.across;
    return [(-margin - origin) / scale, (this.room + margin - origin) / scale];
  }

  pan(dx, dy) {
    this.along.origin += this.upright ? dy : dx;
    this.across.origin += this.upright ? dx : dy;
    this.clamp();
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const [level, at] = this.under(x, y);
    const least = Math.min(this.fitScale(), READABLE);
    const most = this.upright ? 200 : MOST_ACROSS;
    this.across.scale = Math.min(Math.max(this.across.scale * factor, least), Math.max(most, least));
    if (!this.upright) {
      const wide = this.along.scale * Math.sqrt(factor);
      this.along.scale = Math.min(Math.max(wide, this.leastAlong()), Math.max(MOST_ALONG, this.leastAlong()));
    }
    const [along, across] = this.upright ? [y, x] : [x, y];
    this.along.origin = along - level * this.along.scale;
    this.across.origin = across - at * this.across.scale;
    this.clamp();
  }

  /** Moves only as far as it takes to bring a place into view. */
  show(level, at) {
    const [along, across] = [this.toAlong(level), this.toAcross(at)];
    const rooms = this.upright ? [this.height, this.width] : [this.width, this.height];
    const edge = (place, room, low, high) => (place < low ? low - place : place > room - high ? room - high - place : 0);
    this.along.origin += edge(along, rooms[0], MARGIN, this.upright ? MARGIN : LABEL_ROOM / 2);
    this.across.origin += edge(across, rooms[1], 2 * MARGIN, 2 * MARGIN);
  }

  /** Keeps something of the tree on the screen. */
  clamp() {
    const keep = (axis, size, room) => {
      const length = size * axis.scale;
      axis.origin = Math.min(Math.max(axis.origin, Math.min(60, room / 2) - length), room - Math.min(60, room / 2));
    };
    keep(this.across, this.size, this.room);
    keep(this.along, this.levels, this.upright ? this.height : this.width);
  }
}
