using System.Text;
using Evergrain.Conversations;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// The messages that items stand for, a page of them. What an assistant thought, said and called in one go is one
/// message, with the id of its last item.
/// </summary>
/// <param name="page">Which page.</param>
internal sealed class StoredMessages(ItemPage page)
{
    private static readonly string[] ItemMembers =
        ["id", "type", "role", "content", "call_id", "output"];

    private static readonly string[] PartMembers = ["type", "text", "refusal", "image_url", "detail"];

    private readonly List<byte[]> _written = [];
    private readonly List<ReadOnlyMemory<byte>> _open = [];
    private long _bytes;
    private string _firstId = "";
    private string _lastId = "";
    private string _openId = "";

    /// <summary>Whether the page is full, and more items follow.</summary>
    public bool HasMore { get; private set; }

    /// <summary>Adds the next items, in the order of the page.</summary>
    /// <returns>False: the page is full.</returns>
    public bool Add(ReadOnlyMemory<byte> items)
    {
        foreach (var item in JsonAppends.Elements(items))
        {
            var slots = JsonSlots.Read(item, ItemMembers, "data");
            var isAnswer = IsAnswer(slots);
            if (_open.Count > 0 && (!isAnswer || _open.Count == Limits.PageItemsMax))
            {
                Close();
            }

            if (_open.Count == 0 && (_written.Count == page.Limit || _bytes > Limits.PageBytesMax))
            {
                HasMore = true;
                return false;
            }

            _openId = JsonSlots.TextOf(slots["id"])!;
            if (isAnswer)
            {
                _open.Add(item);
            }
            else
            {
                Keep(output => WriteOther(output, slots));
            }
        }

        return true;
    }

    /// <summary>Writes the list object.</summary>
    public void Write(RentedBuffer output)
    {
        if (_open.Count > 0)
        {
            Close();
        }

        output.Append("{\"object\":\"list\",\"data\":["u8);
        for (var i = 0; i < _written.Count; i++)
        {
            output.Append(i > 0 ? ","u8 : default);
            output.Append(_written[i]);
        }

        output.Append("],\"first_id\":"u8);
        output.Append(IdOf(_firstId));
        output.Append(",\"last_id\":"u8);
        output.Append(IdOf(_lastId));
        output.Append(HasMore ? ",\"has_more\":true}"u8 : ",\"has_more\":false}"u8);
    }

    private static byte[] IdOf(string id) => Encoding.UTF8.GetBytes(
        id.Length == 0 ? "null" : $"\"{System.Text.Encodings.Web.JavaScriptEncoder.Default.Encode(id)}\"");

    private static bool IsAnswer(in JsonSlots item) => JsonSlots.TextOf(item["type"]) switch
    {
        "message" => JsonSlots.TextOf(item["role"]) == "assistant",
        "reasoning" or "function_call" or "custom_tool_call" => true,
        _ => false,
    };

    private void Close()
    {
        if (!page.Ascending)
        {
            _open.Reverse();
        }

        var answer = new AnswerParts();
        _open.ForEach(answer.Add);
        _open.Clear();
        Keep(output => CompletionWriter.WriteMessage(output, answer));
    }

    private void Keep(Action<RentedBuffer> write)
    {
        using var message = new RentedBuffer(Array.MaxLength);
        write(message);
        if (message.Length == 0)
        {
            return;
        }

        // The id goes behind the brace.
        _written.Add([.. "{\"id\":"u8, .. IdOf(_openId), (byte)',', .. message.Written.Span[1..]]);
        _bytes += message.Length;
        _firstId = _firstId.Length == 0 ? _openId : _firstId;
        _lastId = _openId;
    }

    /// <summary>Writes a message of somebody else; nothing for an item that chat completions do not know.</summary>
    private static void WriteOther(RentedBuffer output, in JsonSlots item)
    {
        switch (JsonSlots.TextOf(item["type"]))
        {
            case "message":
                output.Append("{\"role\":"u8);
                output.Append(item["role"].Span);
                WriteContent(output, item["content"]);
                output.Append("}"u8);
                break;
            case "function_call_output" or "custom_tool_call_output":
                output.Append("{\"role\":\"tool\""u8);
                JsonAppends.Member(output, "tool_call_id", item["call_id"].Span);
                WriteContent(output, item["output"]);
                output.Append("}"u8);
                break;
        }
    }

    private static void WriteContent(RentedBuffer output, ReadOnlyMemory<byte> content)
    {
        if (JsonSlots.IsString(content))
        {
            JsonAppends.Member(output, "content", content.Span);
            output.Append(",\"content_parts\":null"u8);
            return;
        }

        var parts = JsonAppends.Elements(content).ConvertAll(
            static part => JsonSlots.Read(part, PartMembers, "content"));
        output.Append(",\"content\":"u8);
        if (parts.TrueForAll(static part => JsonSlots.IsString(part["text"])))
        {
            JsonAppends.Joined(output, parts.ConvertAll(static part => part["text"]));
            output.Append(",\"content_parts\":null"u8);
            return;
        }

        output.Append("null,\"content_parts\":["u8);
        var isFirst = true;
        foreach (var part in parts)
        {
            isFirst = !WritePart(output, part, isFirst) && isFirst;
        }

        output.Append("]"u8);
    }

    private static bool WritePart(RentedBuffer output, in JsonSlots part, bool isFirst)
    {
        var (text, image) = (part["text"], part["image_url"]);
        if (!JsonSlots.IsString(text) && !JsonSlots.IsString(image))
        {
            return false;
        }

        output.Append(isFirst ? default : ","u8);
        if (JsonSlots.IsString(text))
        {
            output.Append("{\"type\":\"text\",\"text\":"u8);
            output.Append(text.Span);
            output.Append("}"u8);
            return true;
        }

        output.Append("{\"type\":\"image_url\",\"image_url\":{\"url\":"u8);
        output.Append(image.Span);
        if (part["detail"] is { IsEmpty: false } detail)
        {
            JsonAppends.Member(output, "detail", detail.Span);
        }

        output.Append("}}"u8);
        return true;
    }
}
