Feature: What OpenFeature's hooks are told of evaluations through the provider

  Background:
    Given a stable provider

  Scenario: after a value, the hooks have its details
    Given a client with added hook
    And a boolean-flag with key "boolean-flag" and a fallback value "false"
    When the flag was evaluated with details
    Then the "before" hook should have been executed
    And the "after, finally" hooks should be called with evaluation details
      | data_type | key        | value        |
      | string    | flag_key   | boolean-flag |
      | boolean   | value      | true         |
      | string    | variant    | on           |
      | string    | reason     | STATIC       |
      | string    | error_code | null         |

  Scenario: after an error, the hooks have its code
    Given a client with added hook
    And a string-flag with key "missing-flag" and a fallback value "uh-oh"
    When the flag was evaluated with details
    Then the "before" hook should have been executed
    And the "error" hook should have been executed
    And the "finally" hooks should be called with evaluation details
      | data_type | key        | value          |
      | string    | flag_key   | missing-flag   |
      | string    | value      | uh-oh          |
      | string    | variant    | null           |
      | string    | reason     | ERROR          |
      | string    | error_code | FLAG_NOT_FOUND |

  Scenario: after a flag of another type, the hooks have the fallback
    Given a client with added hook
    And a boolean-flag with key "wrong-flag" and a fallback value "false"
    When the flag was evaluated with details
    Then the "before" hook should have been executed
    And the "error" hook should have been executed
    And the "finally" hooks should be called with evaluation details
      | data_type | key        | value         |
      | string    | flag_key   | wrong-flag    |
      | boolean   | value      | false         |
      | string    | variant    | null          |
      | string    | reason     | ERROR         |
      | string    | error_code | TYPE_MISMATCH |

  Scenario: hooks of one evaluation run in their order
    Given a Boolean-flag with key "boolean-flag" and a fallback value "false"
    And evaluation options containing specific hooks
    When the flag was evaluated with details using the evaluation options
    Then the specified hooks should execute during evaluation
    And the hook order should be maintained
