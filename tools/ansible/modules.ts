/**
 * The modules of the Ansible collection: which commands each has, and what the
 * schema of the commands does not tell.
 *
 * @module
 */

/** An option that no command has. */
export interface OwnOption {
  readonly type: "str" | "bool" | "path";
  readonly description: readonly string[];
  readonly choices?: readonly string[];
  readonly default?: string;
}

/** One module. */
export interface ModuleSpec {
  readonly name: string;
  readonly summary: string;
  readonly description: readonly string[];
  /** Methods of `rpc`; the first that has an option describes it. */
  readonly methods: readonly string[];
  /** Operands that the task may omit, though a command demands them. */
  readonly optional: readonly string[];
  readonly own?: Readonly<Record<string, OwnOption>>;
  /** Further arguments of AnsibleModule. */
  readonly rules?: Readonly<Record<string, readonly unknown[]>>;
  /** A task of each kind, as YAML. */
  readonly examples: string;
  /** A result that only this module has. */
  readonly returns?: string;
}

/** Present or absent; the first is what a task means that does not say. */
function state(present: string, absent: string): OwnOption {
  return {
    type: "str",
    description: [`V(present): ${present}.`, `V(absent): ${absent}.`],
    choices: ["present", "absent"],
    default: "present",
  };
}

/** Options of every module that no command has. */
export const COMMON: Readonly<Record<string, OwnOption>> = {
  executable: {
    type: "path",
    description: [
      "The path of kvm-hotplug on the node.",
      "If it is omitted, kvm-hotplug is looked for in PATH, C(/usr/local/sbin) and C(/usr/sbin).",
    ],
  },
};

const UNTIL = `
- name: Wait until the guest has released the disk
  kvm_hotplug.node.disk:
    instance: vm1.example.com
    disk: data
    state: absent
  register: removal
  until: removal.status != 6
  retries: 10
  delay: 30
`;

/** All modules. */
export const MODULES: readonly ModuleSpec[] = [
  {
    name: "disk",
    summary: "Disks of a running VM",
    description: [
      "Adds a disk to a running VM, changes its limits, its size or the medium of a CD-ROM drive, or removes it.",
      "With O(source), a disk is added if the VM does not have this source. If it has, the limits are changed to those of the task; other options that differ are an error.",
      "With O(disk), an existing disk is changed.",
    ],
    methods: ["disk.add", "disk.set", "disk.resize", "disk.remove"],
    optional: ["source", "disk", "size"],
    own: {
      state: state(
        "the VM has the disk, with the limits, the size and the medium that are given",
        "the VM does not have the disk; a disk that it does not have is absent already",
      ),
      resize: {
        type: "bool",
        description: [
          "Tell the guest the present size of the source, for example after lvextend.",
        ],
      },
    },
    rules: {
      required_one_of: [["source", "disk"]],
      mutually_exclusive: [["source", "disk"], ["size", "resize"]],
    },
    examples: `
- name: Add a disk with a limit
  kvm_hotplug.node.disk:
    instance: vm1.example.com
    source: /dev/xenvg/data1
    name: data
    iops: 500

- name: Tell the guest that the source has grown
  kvm_hotplug.node.disk:
    instance: vm1.example.com
    disk: data
    resize: true
${UNTIL}`,
  },
  {
    name: "nic",
    summary: "Network cards of a running VM",
    description: [
      "Adds a network card to a running VM, changes it, or removes it.",
      "A card is recognized by O(uuid), O(mac) or O(name): one of them must be given, or O(nic), which selects an existing card.",
      "If the card exists, it is changed to what the task says. Options that cannot be changed, such as O(slot), are an error if they differ.",
    ],
    methods: ["nic.add", "nic.modify", "nic.remove"],
    optional: ["nic"],
    own: {
      state: state(
        "the VM has the card, with the settings that are given",
        "the VM does not have the card; a card that it does not have is absent already",
      ),
    },
    rules: { required_one_of: [["nic", "uuid", "mac", "name"]] },
    examples: `
- name: Add a card, or move it to another bridge
  kvm_hotplug.node.nic:
    instance: vm1.example.com
    mac: aa:00:00:12:34:56
    link: br1

- name: Unplug the cable
  kvm_hotplug.node.nic:
    instance: vm1.example.com
    nic: aa:00:00:12:34:56
    link_state: down
`,
  },
  {
    name: "vcpu",
    summary: "Processors of a running VM",
    description: [
      "Brings a running VM to a number of processors, or removes one of them.",
    ],
    methods: ["vcpu.set", "vcpu.remove"],
    optional: ["count", "vcpu"],
    own: {
      state: state(
        "the VM has O(count) processors",
        "the VM does not have the processor O(vcpu)",
      ),
    },
    rules: {
      required_if: [
        ["state", "present", ["count"]],
        ["state", "absent", ["vcpu"]],
      ],
    },
    examples: `
- name: Bring the VM to four processors
  kvm_hotplug.node.vcpu:
    instance: vm1.example.com
    count: 4
`,
  },
  {
    name: "memory",
    summary: "Memory of a running VM",
    description: [
      "Brings the memory of a running VM to a size, or removes a memory device.",
      "With O(kind) or O(max), memory that is missing is added as one device of this kind.",
    ],
    methods: ["memory.set", "memory.add", "memory.remove"],
    optional: ["size", "memory"],
    own: {
      state: state(
        "the VM has O(size) of memory, in all",
        "the VM does not have the memory device O(memory)",
      ),
    },
    rules: {
      required_if: [
        ["state", "present", ["size"]],
        ["state", "absent", ["memory"]],
      ],
    },
    examples: `
- name: Bring the guest to 4 GiB
  kvm_hotplug.node.memory:
    instance: vm1.example.com
    size: 4G
`,
  },
  {
    name: "info",
    summary: "Instances of a node and their devices",
    description: [
      "Shows the instances of a node, or the devices of one, with what differs between runtime file, QEMU and node.",
      "Changes nothing.",
    ],
    methods: ["list"],
    optional: ["instance"],
    examples: `
- name: Ask for all instances of the node
  kvm_hotplug.node.info:
  register: node

- name: Refuse to go on if one needs attention
  ansible.builtin.assert:
    that: node.instances | map(attribute='attention') | flatten | length == 0
`,
    returns: `
instances:
  description:
    - The instances, or the one that was asked for with its devices.
  returned: success
  type: list
  elements: dict
`,
  },
  {
    name: "repair",
    summary: "Finish an interrupted change of a VM and fix differences",
    description: [
      "Finishes or undoes a change that was interrupted, and fixes what differs between runtime file, QEMU and node.",
      "Fails with status 7 if something remains.",
    ],
    methods: ["repair"],
    optional: [],
    examples: `
- name: Put in order what a killed command has left
  kvm_hotplug.node.repair:
    instance: vm1.example.com
`,
  },
];
