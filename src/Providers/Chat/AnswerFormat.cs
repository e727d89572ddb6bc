using System.Text;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>What a create's <c>text</c> becomes: <c>response_format</c>, <c>verbosity</c> and others.</summary>
/// <param name="dialect">What the server takes.</param>
internal sealed class AnswerFormat(Dialect dialect)
{
    private static readonly string[] SchemaMembers = ["name", "description", "schema", "strict"];

    /// <summary>The members, each with the comma before it.</summary>
    public byte[] Write(ReadOnlyMemory<byte> text)
    {
        var members = JsonMembers.Of(PairedEscapes.Of(text));
        var format = JsonMembers.Of(members["format"u8]);
        var output = new BodyWriter(text.Length + 64);
        switch (JsonContent.Text(format["type"u8]))
        {
            case "json_object":
                output.Raw(dialect.JsonObject switch
                {
                    Dialect.ObjectWithSchema =>
                        ",\"response_format\":{\"type\":\"json_object\",\"schema\":{\"type\":\"object\"}}"u8,
                    Dialect.ObjectAsSchema => ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"u8 +
                        "{\"name\":\"object\",\"schema\":{\"type\":\"object\"}}}"u8,
                    _ => ",\"response_format\":{\"type\":\"json_object\"}"u8,
                });
                break;
            case "json_schema":
                WriteSchema(output, format);
                break;
        }

        if (dialect.Takes(DialectMembers.Verbosity) && members["verbosity"u8] is { IsEmpty: false } verbosity)
        {
            output.Raw(",\"verbosity\":"u8).Raw(verbosity);
        }

        ChatMembers.Write(output, members, dialect);
        return output.ToArray();
    }

    /// <summary>Whether a create's <c>text</c> asks for an answer of a schema.</summary>
    public static bool IsSchema(ReadOnlyMemory<byte> text) =>
        JsonContent.Is(JsonMembers.Of(JsonMembers.Of(text)["format"u8])["type"u8], "json_schema"u8);

    private static void WriteSchema(BodyWriter output, in JsonMembers format)
    {
        output.Raw(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"u8);
        var isFirst = true;
        foreach (var name in SchemaMembers)
        {
            if (format[Encoding.ASCII.GetBytes(name)] is { IsEmpty: false } value)
            {
                output.Raw(isFirst ? default : ","u8).Quoted(name).Raw(":"u8).Raw(value);
                isFirst = false;
            }
        }

        output.Raw("}}"u8);
    }
}
