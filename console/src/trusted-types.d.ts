// The part of Trusted Types that the console uses. TypeScript's own types do not have it yet.

interface TrustedTypePolicy {
  createScriptURL(url: string): unknown;
}

interface Window {
  trustedTypes?: {
    createPolicy(name: string, rules: { createScriptURL(url: string): string }): TrustedTypePolicy;
  };
}
