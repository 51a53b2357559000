/** The classes of OCSF that audit events take, with the captions that the schema prescribes for their activities. */
export interface OcsfClass {
  readonly uid: number;
  readonly name: string;
  readonly category: { readonly uid: number; readonly name: string };
  readonly activities: Readonly<Record<number, string>>;
}

const IAM = { uid: 3, name: 'Identity & Access Management' };

export const AUTHENTICATION: OcsfClass = {
  uid: 3002,
  name: 'Authentication',
  category: IAM,
  activities: { 1: 'Logon', 2: 'Logoff' },
};

export const ACCOUNT_CHANGE: OcsfClass = {
  uid: 3001,
  name: 'Account Change',
  category: IAM,
  activities: {
    1: 'Create',
    2: 'Enable',
    3: 'Password Change',
    4: 'Password Reset',
    5: 'Disable',
    6: 'Delete',
    9: 'Lock',
    10: 'MFA Factor Enable',
    11: 'MFA Factor Disable',
    12: 'Unlock',
  },
};

export const USER_ACCESS: OcsfClass = {
  uid: 3005,
  name: 'User Access Management',
  category: IAM,
  activities: { 1: 'Assign Privileges', 2: 'Revoke Privileges' },
};

export const ENTITY_MANAGEMENT: OcsfClass = {
  uid: 3004,
  name: 'Entity Management',
  category: IAM,
  activities: { 1: 'Create', 2: 'Read', 3: 'Update', 4: 'Delete', 8: 'Enable', 9: 'Disable' },
};

export const GROUP_MANAGEMENT: OcsfClass = {
  uid: 3006,
  name: 'Group Management',
  category: IAM,
  activities: { 3: 'Add User', 4: 'Remove User', 5: 'Delete', 6: 'Create' },
};

export const API_ACTIVITY: OcsfClass = {
  uid: 6003,
  name: 'API Activity',
  category: { uid: 6, name: 'Application Activity' },
  activities: { 1: 'Create', 2: 'Read', 3: 'Update', 4: 'Delete' },
};

/** The activity for what a class has no number for; its name is then the event's own title. */
export const OTHER = 99;
