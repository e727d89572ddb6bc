namespace Evergrain.Conversations.Context;

/// <summary>One item of a conversation: the exact JSON that came, and what is read of it most often.</summary>
/// <param name="Json">The item's JSON object in UTF-8, verbatim; never written again.</param>
/// <param name="Type">Its <c>type</c>; <c>message</c> where that is implied.</param>
/// <param name="Role">Its <c>role</c>, if it is a message.</param>
public sealed record Item(ReadOnlyMemory<byte> Json, string Type, ItemRole Role)
{
    /// <summary>Which model server made the item, and what it wants back; null: not known, or none did.</summary>
    public ItemOrigin? Origin { get; init; }
}

/// <summary>
/// What a model server gave with an item and wants back with it. No client and no other server sees it.
/// </summary>
/// <param name="Server">The <see cref="Ports.IModelBackend.Origin"/> of the backend.</param>
/// <param name="Kept">
/// A Responses server's id of the item, empty where it has none; a chat-completions server's members as a JSON object.
/// </param>
public sealed record ItemOrigin(string Server, string Kept);

/// <summary>Who speaks in a message.</summary>
public enum ItemRole
{
    /// <summary>Not a message, or a role the wire does not name.</summary>
    None,

    /// <summary><c>user</c></summary>
    User,

    /// <summary><c>assistant</c></summary>
    Assistant,

    /// <summary><c>system</c></summary>
    System,

    /// <summary><c>developer</c></summary>
    Developer,
}
