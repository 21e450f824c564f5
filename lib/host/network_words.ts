/**
 * The forms of the words that reach this node's network tools. A word may come
 * from a file or from the command line; the tools read it as text.
 *
 * @module
 */

/**
 * A name that we, a user or a file gave to an interface: netdevice(7),
 * IFNAMSIZ. The tools get it as a word; therefore it must not look like an
 * option.
 */
export const INTERFACE_NAME: RegExp = /^(?!-|\.\.?$)[A-Za-z0-9._-]{1,15}$/;

/**
 * A name that an existing interface may have. The kernel accepts more
 * characters (net/core/dev.c, dev_valid_name), and a NIC plugged by hand may
 * have such a name.
 */
export const FOUND_INTERFACE: RegExp = /^(?!\.\.?$)[A-Za-z0-9._:@+-]{1,15}$/;

/** Whether it is an {@linkcode INTERFACE_NAME}. */
export function isInterfaceName(text: string): boolean {
  return INTERFACE_NAME.test(text);
}

/** Modes of a tap that this node's tools can set up: SPEC 6.2. */
export const NIC_MODES = ["none", "bridged", "routed", "openvswitch"] as const;
/** Modes that only a network script can set up. */
export const SCRIPT_MODES = ["ext"] as const;
/** All of them. */
export const ATTACH_MODES = [...NIC_MODES, ...SCRIPT_MODES] as const;
/** One of {@linkcode ATTACH_MODES}. */
export type NicMode = typeof ATTACH_MODES[number];

/** The carrier that a guest sees. */
export const LINK_STATES = ["up", "down"] as const;
/** One of {@linkcode LINK_STATES}. */
export type LinkState = typeof LINK_STATES[number];

/** Whether it is an IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
  const parts = text.split(".");
  const four = parts.length === 4 &&
    parts.every((one) => /^(?:0|[1-9]\d{0,2})$/.test(one) && Number(one) < 256);
  const six = /^[0-9A-Fa-f.:]{2,45}$/.test(text) && text.includes(":") &&
    URL.canParse(`http://[${text}]/`);
  return four || six;
}

/** Whether it has the form of a VLAN of Ganeti: `100`, `.100`, `:100:200`. */
export function isVlan(text: string): boolean {
  return /^[.:]?\d{1,4}(?::\d{1,4})*$/.test(text);
}

/** Whether it is one line without control characters, of any length. */
export function isLine(text: string): boolean {
  return /^[ -\x7e\xa0-\uffff]*$/.test(text);
}
