import { messageOf } from '../errors.ts';

/** Mosquitto 2 says 135 for a wrong password, too. Reason codes of MQTT 5 (2.4) and return codes of 3.1.1 (3.2.2.3), as far as a person can do something about them. */
const REASONS: Readonly<Record<number, string>> = {
  1: 'it does not speak this version of MQTT',
  2: 'it does not take our client id',
  3: 'it is not available',
  4: 'wrong user or password',
  5: 'wrong user or password, or this user may not connect',
  132: 'it does not speak this version of MQTT',
  133: 'it does not take our client id',
  134: 'wrong user or password',
  135: 'wrong user or password, or this user may not connect',
  136: 'it is not available',
  137: 'it is busy',
  138: 'it has banned us',
  139: 'it is shutting down',
  140: 'it asks for another kind of login',
  141: 'it heard nothing from us in time',
  142: 'somebody else connected with our client id',
  147: 'it was sent more at once than it takes',
  149: 'a message was too long for it',
  151: 'we have used up what it allows',
  152: 'it was told to end our connection',
  156: 'it sends us to another server',
  157: 'it sends us to another server',
  159: 'we connect too often for it',
};

const CERTIFICATE =
  'its certificate is signed by nobody that we know: name the authority in mqtt.external.ca';

/** Codes of node:net, node:dns and node:tls (OpenSSL). */
const CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it hung up',
  EPIPE: 'it hung up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  CERT_SIGNATURE_FAILURE: CERTIFICATE,
  CERT_HAS_EXPIRED: 'its certificate has expired, or the clock of this router is wrong',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet, or the clock of this router is wrong',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name than the one in mqtt.external.url',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'it asks for a certificate: name one in mqtt.external.certificate',
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE':
    'it asks for a certificate: name one in mqtt.external.certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust our certificate',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it speaks no TLS there: use mqtt:// and its port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it speaks no TLS there: use mqtt:// and its port',
};

/** What went wrong with a broker, in words for a person, without the broker's own. */
export function brokerProblem(error: unknown): string {
  const code = codeOf(error);
  if (typeof code === 'number') return REASONS[code] ?? `it refused, with code ${code}`;
  return (code === undefined ? undefined : CODES[code]) ?? messageOf(error).slice(0, 200);
}

/** Whether the broker does not know the version of MQTT that it was spoken to in. */
export function isVersionRefused(error: unknown): boolean {
  const code = codeOf(error);
  return code === 1 || code === 132;
}

/** Why the broker ended a connection that was there (MQTT 5, 3.14.2.1). */
export function disconnectProblem(reasonCode: number | undefined): string {
  return reasonCode === undefined || reasonCode === 0 ? 'it hung up' : brokerProblem({ code: reasonCode });
}

function codeOf(error: unknown): number | string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'number' || typeof error.code === 'string' ? error.code : undefined;
}
