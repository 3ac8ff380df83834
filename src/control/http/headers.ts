/** How long browsers remember to use TLS (s). Short: they remember it for all ports of the router's name. */
const HSTS_S = 86_400;

/** The page loads from here alone and has nothing inline. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Files that a person mounted do what they always did (SPIN's have scripts inline, and speak MQTT on another port); they too load from here alone. */
export const MOUNT_POLICY =
  "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss:; " +
  "base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

const ALWAYS = {
  'content-security-policy': PAGE_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-store',
};

/** What every answer carries (OWASP Secure Headers Project). */
export function securityHeaders(secure: boolean): Readonly<Record<string, string>> {
  return secure ? { ...ALWAYS, 'strict-transport-security': `max-age=${HSTS_S}` } : ALWAYS;
}
