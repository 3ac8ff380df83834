/** An error in SPIN's words, with its number. */
export class SpinFailure {
  readonly code: number;
  readonly message: string;

  constructor(message: string, code = -1) {
    this.code = code;
    this.message = message;
  }
}

export const UNKNOWN_NODE = 'Unknown node id';
export const UNKNOWN_LIST = "Unknown ip list name, should be 'ignore', 'block', or 'allow'";
export const NO_DEVICE = 'Device not found';
