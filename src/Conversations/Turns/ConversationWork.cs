namespace Evergrain.Conversations.Turns;

/// <summary>What an activation has done so far; hosts add the differences to their instruments.</summary>
/// <param name="Validated">Items validated.</param>
/// <param name="Rendered">Items rendered for a model server.</param>
/// <param name="Counted">Items whose tokens were counted: a backend counts an item as it renders it.</param>
/// <param name="Recovered">Items read back from the journal.</param>
/// <param name="Claims">Times the conversation was taken over from the activation that wrote last.</param>
/// <param name="JournaledBytes">Bytes of frames handed to the journal.</param>
public readonly record struct ConversationWork(
    long Validated, long Rendered, long Counted, long Recovered, long Claims, long JournaledBytes);
