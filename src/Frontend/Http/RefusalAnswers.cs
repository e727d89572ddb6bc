using System.Buffers;
using System.Globalization;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>Answers an HTTP request with a refusal or with JSON that is already written.</summary>
internal static class RefusalAnswers
{
    private const string Json = "application/json";
    private static readonly TimeSpan RetryAfterDefault = TimeSpan.FromSeconds(1);

    public static Task WriteRefusalAsync(this HttpContext context, Refusal refusal)
    {
        var status = ErrorWriter.StatusOf(refusal);
        context.Response.StatusCode = status;
        if (status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests)
        {
            context.Response.Headers.RetryAfter = ErrorWriter.SecondsOf(refusal.RetryAfter ?? RetryAfterDefault)
                .ToString(CultureInfo.InvariantCulture);
        }
        else if (status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }

        var body = new ArrayBufferWriter<byte>();
        ErrorWriter.WriteBody(body, refusal);
        return context.WriteJsonAsync(body.WrittenMemory);
    }

    public static Task WriteJsonAsync(this HttpContext context, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = Json;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
