/**
 * Why a link is down, in words a person can act on. Codes of the operating system and of MQTT are rows here;
 * one that is not keeps the words it came with.
 */

const FOREIGN_AUTHORITY = "the broker's certificate is signed by an authority that is not ours";

/** errno names (POSIX), getaddrinfo and TLS codes of Node (alerts: RFC 8446, 6). */
const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name service does not answer',
  CERT_HAS_EXPIRED: "the broker's certificate has expired",
  CERT_NOT_YET_VALID: "the broker's certificate is not valid yet; is our clock right?",
  SELF_SIGNED_CERT_IN_CHAIN: FOREIGN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: FOREIGN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: FOREIGN_AUTHORITY,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the broker does not know our certificate's authority",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the broker wants a certificate of ours',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'the broker wants a certificate of ours, or another version of TLS',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the broker refuses our certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'our certificate has expired',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: 'our certificate is revoked',
  ERR_SSL_WRONG_VERSION_NUMBER: 'no TLS is spoken there',
  DEPTH_ZERO_SELF_SIGNED_CERT: "the broker's certificate is self-signed",
  ERR_TLS_CERT_ALTNAME_INVALID: "the broker's certificate is for another host",
};

/** Reason codes of CONNACK and DISCONNECT: MQTT 3.1.1 table 3.1 (1 to 5), MQTT 5 tables 3-1 and 3.14.2.1 (128 up). */
const MQTT: Readonly<Record<number, string>> = {
  1: 'the broker does not speak this version of MQTT',
  2: 'the broker does not take this client id',
  3: 'the broker is not available',
  4: 'wrong user name or password',
  5: 'not authorised',
  132: 'the broker does not speak this version of MQTT',
  133: 'the broker does not take this client id',
  134: 'wrong user name or password',
  135: 'not authorised',
  136: 'the broker is not available',
  137: 'the broker is busy',
  138: 'banned by the broker',
  139: 'the broker is shutting down',
  141: 'the broker heard nothing from us in time',
  142: 'another client took over this client id',
  147: 'the broker says we sent too much at once',
  149: 'a packet was too large',
  151: 'the quota is used up',
};

/** A code of the operating system by name, of MQTT by number. */
export type TroubleCode = string | number | undefined;

/** What went wrong, with its code in brackets; `message` stands in where the code is none of the rows. */
export function causeOf(message: string | undefined, code: TroubleCode): string {
  const words = typeof code === 'number' ? MQTT[code] : (SYSTEM[code ?? ''] ?? MQTT_JS[message ?? '']);
  if (words === undefined) return message || `MQTT reason ${code ?? 'unknown'}`;
  return code === undefined ? words : `${words} (${code})`;
}

/** The code an error carries, if it carries one. */
export function codeOf(error: Error): TroubleCode {
  const code: unknown = 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? code : undefined;
}

/** What mqtt.js says when a PING went unanswered; its other messages can be read as they are. */
const MQTT_JS: Readonly<Record<string, string>> = {
  'Keepalive timeout': 'no answer to a ping',
};

/** Whether a CONNECT was refused for its version: 1 by a 3.1.1 broker, 132 by one that knows MQTT 5's codes. */
export function isOldBroker(code: TroubleCode): boolean {
  return code === 1 || code === 132;
}
