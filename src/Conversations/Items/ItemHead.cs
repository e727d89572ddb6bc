using Evergrain.Conversations.Context;

namespace Evergrain.Conversations.Items;

/// <summary>
/// What a conversation must know of an item. The only place that decides it: for an item that comes in, for one that a
/// model made, and for one that recovery reads.
/// </summary>
/// <param name="Type">Its <c>type</c>, or the type that is implied; empty if nothing says it.</param>
/// <param name="Role">Its <c>role</c>, if it is a message.</param>
/// <param name="CallId">Its <c>call_id</c>, if it has one.</param>
internal readonly record struct ItemHead(string Type, ItemRole Role, string? CallId)
{
    /// <summary>The type of an item that stands for another one.</summary>
    public const string Reference = "item_reference";

    /// <summary>Reads it. Nothing is refused: <see cref="Turns.ItemRules"/> does that for an item that comes
    /// in.</summary>
    public static ItemHead Of(ItemTree item)
    {
        var type = item.StringOf(item.Find(ItemTree.Root, "type"u8));
        var role = item.Find(ItemTree.Root, "role"u8);
        if (string.IsNullOrEmpty(type))
        {
            // Source: protocol: an easy message has a role and no type; a reference may have neither.
            type = role != ItemTree.End ? "message" : IdOf(item) is not null ? Reference : string.Empty;
        }

        return new ItemHead(string.IsInterned(type) ?? type, RoleOf(item, role),
            item.StringOf(item.Find(ItemTree.Root, "call_id"u8)));
    }

    /// <summary>An item's own id; null if it has none.</summary>
    public static string? IdOf(ItemTree item) => item.StringOf(item.Find(ItemTree.Root, "id"u8));

    private static ItemRole RoleOf(ItemTree item, int role)
    {
        if (role == ItemTree.End)
        {
            return ItemRole.None;
        }

        var text = item.TextOf(role);
        return text.Is("user"u8) ? ItemRole.User
            : text.Is("assistant"u8) ? ItemRole.Assistant
            : text.Is("system"u8) ? ItemRole.System
            : text.Is("developer"u8) ? ItemRole.Developer
            : ItemRole.None;
    }
}
