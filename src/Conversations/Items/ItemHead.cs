using Evergrain.Conversations.Context;

namespace Evergrain.Conversations.Items;

/// <summary>
/// What a conversation must know of an item that it held before. Nothing is checked: that was done when it came.
/// </summary>
/// <param name="Type">Its <c>type</c>; <c>message</c> where that is implied.</param>
/// <param name="Role">Its <c>role</c>, if it is a message.</param>
/// <param name="CallId">Its <c>call_id</c>, if it has one.</param>
internal readonly record struct ItemHead(string Type, ItemRole Role, string? CallId)
{
    /// <summary>Reads it.</summary>
    /// <exception cref="FormatException">It has neither type nor role: no such item ever came in.</exception>
    public static ItemHead Of(ItemTree item)
    {
        var type = item.StringOf(item.Find(ItemTree.Root, "type"u8));
        var role = item.Find(ItemTree.Root, "role"u8);
        if (string.IsNullOrEmpty(type))
        {
            type = role != ItemTree.End ? "message" : throw new FormatException("an item has neither type nor role");
        }

        return new ItemHead(string.IsInterned(type) ?? type, RoleOf(item, role),
            item.StringOf(item.Find(ItemTree.Root, "call_id"u8)));
    }

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
