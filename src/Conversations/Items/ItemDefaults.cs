namespace Evergrain.Conversations.Items;

/// <summary>The values that can be a default; a member with any other value is always kept.</summary>
[Flags]
internal enum DefaultValue
{
    None = 0,
    Null = 1,
    EmptyArray = 2,
    Auto = 4,
}

/// <summary>
/// Members that say the same when they are left out, by the API's schema (openai-openapi, and the SDKs made from
/// it) or because the server fills them in. <c>docs/digest.md</c> publishes these rows: a change here is a new
/// version of the canonical form.
/// </summary>
internal static class ItemDefaults
{
    private static readonly Row[] Items =
    [
        new("message"u8, "phase"u8, DefaultValue.Null),
        new("function_call"u8, "namespace"u8, DefaultValue.Null),
        new("function_call"u8, "caller"u8, DefaultValue.Null),
        new("function_call_output"u8, "caller"u8, DefaultValue.Null),
        new("custom_tool_call"u8, "namespace"u8, DefaultValue.Null),
        new("custom_tool_call"u8, "caller"u8, DefaultValue.Null),
        new("custom_tool_call_output"u8, "caller"u8, DefaultValue.Null),
        new("reasoning"u8, "content"u8, DefaultValue.Null | DefaultValue.EmptyArray),
        new("reasoning"u8, "encrypted_content"u8, DefaultValue.Null),
    ];

    private static readonly Row[] Parts =
    [
        new("output_text"u8, "annotations"u8, DefaultValue.EmptyArray),
        new("output_text"u8, "logprobs"u8, DefaultValue.Null | DefaultValue.EmptyArray),
        new("input_text"u8, "prompt_cache_breakpoint"u8, DefaultValue.Null),
        new("input_image"u8, "detail"u8, DefaultValue.Null | DefaultValue.Auto),
        new("input_image"u8, "file_id"u8, DefaultValue.Null),
        new("input_image"u8, "image_url"u8, DefaultValue.Null),
        new("input_image"u8, "prompt_cache_breakpoint"u8, DefaultValue.Null),
        new("input_file"u8, "detail"u8, DefaultValue.Auto),
        new("input_file"u8, "file_data"u8, DefaultValue.Null),
        new("input_file"u8, "file_id"u8, DefaultValue.Null),
        new("input_file"u8, "file_url"u8, DefaultValue.Null),
        new("input_file"u8, "filename"u8, DefaultValue.Null),
        new("input_file"u8, "prompt_cache_breakpoint"u8, DefaultValue.Null),
    ];

    /// <summary>Members of an item, by the item's type.</summary>
    public static ReadOnlySpan<Row> OfItem => Items;

    /// <summary>Members of a content part, by the part's type.</summary>
    public static ReadOnlySpan<Row> OfPart => Parts;

    /// <summary>Whether a table says that this member may be left out.</summary>
    public static bool Holds(ReadOnlySpan<Row> table, JsonText type, JsonText name, DefaultValue value)
    {
        foreach (var row in table)
        {
            if ((row.Values & value) != DefaultValue.None && name.Is(row.Name) && type.Is(row.Type))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>One member of one type, and which values of it are defaults.</summary>
    internal sealed class Row(ReadOnlySpan<byte> type, ReadOnlySpan<byte> name, DefaultValue values)
    {
        public byte[] Type { get; } = type.ToArray();

        public byte[] Name { get; } = name.ToArray();

        public DefaultValue Values { get; } = values;
    }
}
