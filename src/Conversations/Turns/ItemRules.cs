using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>Checks an item that comes in: from a client, or as a model server said it.</summary>
/// <remarks>
/// Known types must have the members that make them what they are; unknown types pass as they are, verbatim.
/// Source: OpenAI's OpenAPI file 2.3.0, InputItem.
/// </remarks>
/// <param name="item">The item.</param>
/// <param name="path">Where it stands in the request, for refusals: <c>input[3]</c>.</param>
internal readonly ref struct ItemRules(ItemTree item, string path)
{
    private readonly ItemTree _item = item;
    private readonly string _path = path;

    /// <summary>Checks the item.</summary>
    /// <exception cref="ConversationException">A member is missing or of the wrong type.</exception>
    public void Check(in ItemHead head)
    {
        CheckTexts(head);
        switch (head.Type)
        {
            case "message":
                CheckMessage(head.Role);
                break;
            case "function_call":
                NeedCallId(head.CallId);
                Need("name"u8, JsonTokenType.String);
                Need("arguments"u8, JsonTokenType.String);
                break;
            case "custom_tool_call":
                NeedCallId(head.CallId);
                Need("name"u8, JsonTokenType.String);
                Need("input"u8, JsonTokenType.String);
                break;
            case "function_call_output" or "custom_tool_call_output":
                NeedCallId(head.CallId);
                Need("output"u8, JsonTokenType.String, JsonTokenType.StartArray);
                break;
            case "reasoning":
                Need("summary"u8, JsonTokenType.StartArray);
                break;
            case ItemHead.Reference:
                Need("id"u8, JsonTokenType.String);
                break;
            case "compaction":
                Need("encrypted_content"u8, JsonTokenType.String);
                break;
        }
    }

    // What tells what an item is must be a text that .NET can hold: an unpaired surrogate is none.
    private void CheckTexts(in ItemHead head)
    {
        var (type, role) = (_item.Find(ItemTree.Root, "type"u8), _item.Find(ItemTree.Root, "role"u8));
        if (type != ItemTree.End && _item.KindOf(type) != JsonTokenType.Null)
        {
            NeedText("type", type);
        }

        if (role != ItemTree.End)
        {
            NeedText("role", role);
        }

        if (_item.Find(ItemTree.Root, "id"u8) is var id && id != ItemTree.End &&
            _item.KindOf(id) == JsonTokenType.String)
        {
            NeedText("id", id);
        }

        if (_item.Find(ItemTree.Root, "call_id"u8) is var call && call != ItemTree.End &&
            _item.KindOf(call) == JsonTokenType.String)
        {
            NeedText("call_id", call);
        }

        if (head.Type.Length == 0)
        {
            throw Wrong("type", "a string");
        }
    }

    private void NeedText(string name, int value)
    {
        if (_item.KindOf(value) != JsonTokenType.String)
        {
            throw Wrong(name, "a string");
        }

        if (!_item.IsText(value))
        {
            throw Wrong(name, "a string of Unicode characters");
        }
    }

    private void CheckMessage(ItemRole role)
    {
        Need("content"u8, JsonTokenType.String, JsonTokenType.StartArray);
        if (role == ItemRole.None)
        {
            throw Wrong("role", "user, assistant, system or developer");
        }
    }

    private void NeedCallId(string? callId)
    {
        Need("call_id"u8, JsonTokenType.String);
        if (callId!.Length is 0 or > Limits.CallIdCharsMax)
        {
            throw Wrong("call_id", $"a string of 1 to {Limits.CallIdCharsMax} characters");
        }
    }

    private void Need(ReadOnlySpan<byte> member, JsonTokenType type, JsonTokenType? orType = null)
    {
        var found = _item.Find(ItemTree.Root, member);
        if (found != ItemTree.End && (_item.KindOf(found) == type || _item.KindOf(found) == orType))
        {
            return;
        }

        var name = System.Text.Encoding.ASCII.GetString(member);
        if (found == ItemTree.End)
        {
            throw ConversationException.Of(
                RefusalKind.MissingField, $"'{_path}.{name}' is missing.", $"{_path}.{name}");
        }

        throw Wrong(name, (type, orType) switch
        {
            (JsonTokenType.String, null) => "a string",
            (JsonTokenType.String, _) => "a string or an array",
            _ => "an array",
        });
    }

    private ConversationException Wrong(string name, string what) => ConversationException.Of(
        RefusalKind.InvalidRequest, $"'{_path}.{name}' must be {what}.", $"{_path}.{name}");
}
