Feature: The context that reaches the provider is merged from every level

  Background:
    Given a stable provider with retrievable context is registered

  Scenario Outline: an entry of one level arrives
    Given A context entry with key "key" and value "value" is added to the "<level>" level
    When Some flag was evaluated
    Then The merged context contains an entry with key "key" and value "value"

    Examples:
      | level        |
      | API          |
      | Transaction  |
      | Client       |
      | Invocation   |
      | Before Hooks |

  Scenario: entries of every level arrive together
    Given A context entry with key "a" and value "of the API" is added to the "API" level
    And A context entry with key "b" and value "of the transaction" is added to the "Transaction" level
    And A context entry with key "c" and value "of the client" is added to the "Client" level
    And A context entry with key "d" and value "of the invocation" is added to the "Invocation" level
    And A context entry with key "e" and value "of the hook" is added to the "Before Hooks" level
    When Some flag was evaluated
    Then The merged context contains an entry with key "a" and value "of the API"
    And The merged context contains an entry with key "b" and value "of the transaction"
    And The merged context contains an entry with key "c" and value "of the client"
    And The merged context contains an entry with key "d" and value "of the invocation"
    And The merged context contains an entry with key "e" and value "of the hook"

  Scenario Outline: a later level wins over those before it
    Given A table with levels of increasing precedence
      | API          |
      | Transaction  |
      | Client       |
      | Invocation   |
      | Before Hooks |
    And Context entries for each level from API level down to the "<level>" level, with key "key" and value "<level>"
    When Some flag was evaluated
    Then The merged context contains an entry with key "key" and value "<level>"

    Examples:
      | level        |
      | API          |
      | Transaction  |
      | Client       |
      | Invocation   |
      | Before Hooks |
