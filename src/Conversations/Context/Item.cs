namespace Evergrain.Conversations.Context;

/// <summary>One item of a conversation: the exact JSON that came, and what is read of it most often.</summary>
/// <param name="Json">The item's JSON object in UTF-8, verbatim; never written again.</param>
/// <param name="Type">Its <c>type</c>; <c>message</c> where that is implied.</param>
/// <param name="Role">Its <c>role</c>, if it is a message.</param>
public sealed record Item(ReadOnlyMemory<byte> Json, string Type, ItemRole Role)
{
    /// <summary>Which model server made the item, and what it calls it; null: not known, or none did.</summary>
    public ItemOrigin? Origin { get; init; }
}

/// <summary>What a model server calls an item that it made.</summary>
/// <param name="Rendering">The <see cref="Ports.IModelBackend.Rendering"/> of the backend that called it.</param>
/// <param name="Id">The id the server gave it.</param>
public sealed record ItemOrigin(string Rendering, string Id);

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
