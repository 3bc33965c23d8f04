Feature: Evaluation of flags by OpenFeature's client through the provider

  Background:
    Given a stable provider

  Scenario Outline: a flag without rules gives its value, statically
    Given a <type>-flag with key "<key>" and a fallback value "<fallback>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the flag key should be "<key>"
    And the variant should be "<variant>"
    And the reason should be "STATIC"

    Examples:
      | type    | key               | fallback   | value                                                                             | variant  |
      | Boolean | boolean-flag      | false      | true                                                                              | on       |
      | String  | string-flag       | bye        | hi                                                                                | greeting |
      | Integer | integer-flag      | 1          | 10                                                                                | ten      |
      | Float   | float-flag        | 0.1        | 0.5                                                                               | half     |
      | Object  | object-flag       | {}         | {"showImages": true, "title": "Check out these pics!", "imagesPerPage": 100}      | template |
      | Boolean | boolean-zero-flag | true       | false                                                                             | zero     |
      | String  | string-zero-flag  | hi         |                                                                                   | zero     |
      | Integer | integer-zero-flag | 1          | 0                                                                                 | zero     |
      | Float   | float-zero-flag   | 0.1        | 0.0                                                                               | zero     |
      | Object  | object-zero-flag  | {"a": 1}   | {}                                                                                | zero     |

  Scenario Outline: a rule matches a context, and another context falls to the default
    Given a <type>-flag with key "<key>" and a fallback value "<fallback>"
    And a context containing a key "email", with type "String" and with value "<email>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the reason should be "<reason>"

    Examples:
      | type    | key                        | fallback | value | email                 | reason          |
      | Boolean | boolean-targeted-zero-flag | true     | false | ballmer@macrosoft.com | TARGETING_MATCH |
      | String  | string-targeted-zero-flag  | hi       |       | ballmer@macrosoft.com | TARGETING_MATCH |
      | Integer | integer-targeted-zero-flag | 1        | 0     | ballmer@macrosoft.com | TARGETING_MATCH |
      | Float   | float-targeted-zero-flag   | 0.1      | 0.0   | ballmer@macrosoft.com | TARGETING_MATCH |
      | Object  | object-targeted-zero-flag  | {"a": 1} | {}    | ballmer@macrosoft.com | TARGETING_MATCH |
      | Boolean | boolean-targeted-zero-flag | true     | false | ballmer@none.com      | DEFAULT         |
      | String  | string-targeted-zero-flag  | hi       |       | ballmer@none.com      | DEFAULT         |
      | Integer | integer-targeted-zero-flag | 1        | 0     | ballmer@none.com      | DEFAULT         |
      | Float   | float-targeted-zero-flag   | 0.1      | 0.0   | ballmer@none.com      | DEFAULT         |
      | Object  | object-targeted-zero-flag  | {"a": 1} | {}    | ballmer@none.com      | DEFAULT         |

  Scenario Outline: a context without the attribute falls to the default
    Given a <type>-flag with key "<key>" and a fallback value "<fallback>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the reason should be "DEFAULT"

    Examples:
      | type    | key                        | fallback | value |
      | Boolean | boolean-targeted-zero-flag | true     | false |
      | String  | string-targeted-zero-flag  | str      |       |
      | Integer | integer-targeted-zero-flag | 1        | 0     |
      | Float   | float-targeted-zero-flag   | 1.0      | 0.0   |
      | Object  | object-targeted-zero-flag  | {"a": 1} | {}    |

  Scenario Outline: an attribute that is null is no attribute
    Given a <type>-flag with key "<key>" and a fallback value "<fallback>"
    And a context containing a key "email" with null value
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the reason should be "DEFAULT"

    Examples:
      | type    | key                        | fallback | value |
      | Boolean | boolean-targeted-zero-flag | true     | false |
      | String  | string-targeted-zero-flag  | str      |       |
      | Integer | integer-targeted-zero-flag | 1        | 0     |
      | Float   | float-targeted-zero-flag   | 1.0      | 0.0   |
      | Object  | object-targeted-zero-flag  | {"a": 1} | {}    |

  Scenario: a rule sees attributes of several types
    Given a String-flag with key "complex-targeted" and a fallback value "mine"
    And a context containing a key "email", with type "String" and with value "ballmer@macrosoft.com"
    And a context containing a key "role", with type "String" and with value "admin"
    And a context containing a key "age", with type "Integer" and with value "65"
    And a context containing a key "customer", with type "Boolean" and with value "false"
    When the flag was evaluated with details
    Then the resolved details value should be "INTERNAL"
    And the reason should be "TARGETING_MATCH"

  Scenario Outline: a flag that does not exist gives the fallback
    Given a <type>-flag with key "non-existent-flag" and a fallback value "<fallback>"
    When the flag was evaluated with details
    Then the resolved details value should be "<fallback>"
    And the reason should be "ERROR"
    And the error-code should be "FLAG_NOT_FOUND"

    Examples:
      | type    | fallback |
      | Boolean | false    |
      | String  | bye      |
      | Integer | 1        |
      | Float   | 0.1      |
      | Object  | {"a": 1} |

  Scenario Outline: a flag of another type gives the fallback
    Given a <type>-flag with key "<key>" and a fallback value "<fallback>"
    When the flag was evaluated with details
    Then the resolved details value should be "<fallback>"
    And the reason should be "ERROR"
    And the error-code should be "TYPE_MISMATCH"

    Examples:
      | type    | key          | fallback |
      | Boolean | string-flag  | false    |
      | String  | boolean-flag | bye      |
      | Integer | boolean-flag | 1        |
      | Float   | boolean-flag | 0.1      |
      | Object  | boolean-flag | {"a": 1} |
      | Integer | wrong-flag   | 13       |

  Scenario Outline: a provider that cannot answer gives the fallback
    Given a <status> provider
    And a <type>-flag with key "<key>" and a fallback value "<fallback>"
    When the flag was evaluated with details
    Then the resolved details value should be "<fallback>"
    And the reason should be "ERROR"
    And the error-code should be "<code>"

    Examples:
      | status    | code               | type    | key          | fallback |
      | not ready | PROVIDER_NOT_READY | Boolean | boolean-flag | false    |
      | not ready | PROVIDER_NOT_READY | String  | string-flag  | bye      |
      | not ready | PROVIDER_NOT_READY | Integer | integer-flag | 1        |
      | not ready | PROVIDER_NOT_READY | Float   | float-flag   | 0.1      |
      | not ready | PROVIDER_NOT_READY | Object  | object-flag  | {"a": 1} |
      | fatal     | PROVIDER_FATAL     | Boolean | boolean-flag | false    |
      | fatal     | PROVIDER_FATAL     | String  | string-flag  | bye      |
      | fatal     | PROVIDER_FATAL     | Integer | integer-flag | 1        |
      | fatal     | PROVIDER_FATAL     | Float   | float-flag   | 0.1      |
      | fatal     | PROVIDER_FATAL     | Object  | object-flag  | {"a": 1} |

  # A disabled flag serves its off variant, where the public suite has the code's default: they are equal but for the object.
  Scenario Outline: a flag that is disabled gives its off variant
    Given a <type>-flag with key "<key>" and a fallback value "<fallback>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the reason should be "DISABLED"

    Examples:
      | type    | key                   | fallback | value |
      | Boolean | boolean-disabled-flag | false    | false |
      | String  | string-disabled-flag  | bye      | bye   |
      | Integer | integer-disabled-flag | 1        | 1     |
      | Float   | float-disabled-flag   | 0.1      | 0.1   |
      | Object  | object-disabled-flag  | {"a": 1} | {}    |

  Scenario Outline: the status of the provider can be seen
    Given a <status> provider
    Then the provider status should be "<code>"

    Examples:
      | status    | code      |
      | stable    | READY     |
      | not ready | NOT_READY |
      | error     | ERROR     |
      | fatal     | FATAL     |
      | stale     | STALE     |

  # Every flag has these metadata. The public suite has flags with metadata of their own, and expects none of the others.
  Scenario: an evaluation says of which configuration it is
    Given a Boolean-flag with key "boolean-flag" and a fallback value "false"
    When the flag was evaluated with details
    Then the resolved metadata should contain
      | key       | metadata_type | value      |
      | flagSetId | String        | production |
    And the metadata has the revision of the database as its version
    And the evaluation details should be immutable

  Scenario: an evaluation leaves the context as it is
    Given a Boolean-flag with key "boolean-flag" and a fallback value "false"
    And an evaluation context with modifiable data
    When the flag was evaluated with details
    Then the original evaluation context should remain unmodified

  Scenario: evaluations at the same time do not wait for each other
    Given a String-flag with key "string-flag" and a fallback value "bye"
    When the flag was evaluated with details asynchronously
    Then the evaluation should complete without blocking
    And the resolved details value should be "hi"
