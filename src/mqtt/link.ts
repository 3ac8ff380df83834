/** A message on a broker. Topics and payloads are UTF-8. */
export interface Message {
  readonly topic: string;
  /** Empty and retained: the topic is cleared. */
  readonly payload: string;
  readonly retain?: boolean;
}

/** A message that came from the broker. */
export interface Arrived extends Message {
  /** True for what the broker had kept; false for what was published just now, retained or not. */
  readonly retain: boolean;
}

/**
 * This router's way onto one broker, embedded or external. Messages are given to it while it is connected; what is
 * published while it is not is dropped, because whoever publishes tells the whole state again after `onConnected`.
 */
export interface MqttLink {
  /** For people: `embedded`, or the address of the broker. */
  readonly name: string;
  readonly connected: boolean;
  /** Hands a message over. False when it was dropped: not connected, or more than the cap waits already. */
  publish(message: Message): boolean;
  /** Messages under a filter (MQTT 5, 4.7), also after reconnecting. Undone by what it answers. */
  subscribe(filter: string, onMessage: (message: Arrived) => void): () => void;
  /** Called after every time that it has connected and subscribed anew, and at once when it is connected. */
  onConnected(run: () => void): () => void;
}
