/** Under this name stands what belongs to the home; no router can have it. */
export const HOME = 'hedgerow/home';
const RESERVED = 'home';

/**
 * The name under which this router stands on brokers: its own or, where another member has that already, with the beginning
 * of its member id behind it. Once changed it stays so until the agent starts again.
 */
export class RouterName {
  readonly member: string;
  readonly #wanted: string;
  #taken: boolean;

  /** @param wanted `agent.name` of the configuration @param member the id of this member of the home */
  constructor(wanted: string, member: string) {
    this.#wanted = wanted;
    this.member = member;
    this.#taken = wanted === RESERVED;
  }

  get current(): string {
    return this.#taken ? `${this.#wanted}-${this.member.slice(0, 8)}` : this.#wanted;
  }

  /** The base of this router's topics. */
  get base(): string {
    return `hedgerow/${this.current}`;
  }

  /** Another member has the name on a broker. */
  taken(): void {
    this.#taken = true;
  }
}
