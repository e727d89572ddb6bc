using System.Buffers;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>Answers an HTTP request with a refusal or with JSON that is already written.</summary>
internal static class RefusalAnswers
{
    private const string Json = "application/json";

    public static Task WriteRefusalAsync(this HttpContext context, Refusal refusal)
    {
        var status = ErrorWriter.StatusOf(refusal);
        if (status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }
        else if (status == StatusCodes.Status415UnsupportedMediaType)
        {
            context.Response.Headers.AcceptEncoding = BodyEncoding.Accepted;
        }

        var body = new ArrayBufferWriter<byte>();
        ErrorWriter.WriteBody(body, refusal);
        return new ErrorAnswer(status, body.WrittenMemory) { RetryAfter = refusal.RetryAfter }.WriteAsync(context);
    }

    public static Task WriteJsonAsync(this HttpContext context, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = Json;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
