// Names for the types of the OpenAPI document.

import type { components } from './schema.d.ts';

type Schemas = components['schemas'];

export type Me = Schemas['Me'];
export type Key = Schemas['Key'];
export type KeyWithSecret = Schemas['KeyWithSecret'];
export type NewKey = Schemas['NewKey'];
export type KeyChanges = Schemas['KeyChanges'];
export type Rotation = Schemas['Rotate'];
export type Permission = Schemas['Permission'];
export type Actor = Schemas['Actor'];
export type Event = Schemas['Event'];
export type AccountEvent = Schemas['AccountEvent'];
export type Explanation = Schemas['Explanation'];
export type Channel = Schemas['Channel'];
export type Push = Schemas['Push'];
export type Problem = Schemas['Problem'];
